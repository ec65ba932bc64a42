"""Runs a pipeline through kfp.local: `python -m pipelines.local_run REQUEST.json`, the child process of `sluice run`.

Exit status: 0 the pipeline ended well (passed the gate or not), 1 it didn't.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pipelines.atomic import write_atomically
from pipelines.compile import pipeline_function
from pipelines.platform.platform import Platform, local_platform, on_cluster
from pipelines.platform.profile import MEMBER_LISTS, load_profile
from pipelines.run.again import run_again_after_death
from pipelines.run.docker_steps import ContainerSteps


@dataclass(frozen=True)
class LocalRun:
    """What the child process is asked to do.

    Attributes:
        pipeline: name of the pipeline.
        arguments: its parameters.
        runner: `subprocess` or `docker`.
        pipeline_root: folder for the artifacts.
        cache_root: folder for kfp.local's cache.
        mounts: folders that containers of the docker runner see under the same path.
        result: file to which the pipeline's outputs are written.
        profile: whose settings the graph holds; empty for none.
        at_once: trainings side by side, where no profile says so; 0 for what the graph says.
    """

    pipeline: str
    arguments: dict[str, Any]
    runner: str
    pipeline_root: str
    cache_root: str
    mounts: tuple[str, ...]
    result: str
    profile: str = ""
    at_once: int = 0

    def save(self, path: Path) -> None:
        """Writes the request as JSON."""
        write_atomically(path, json.dumps(asdict(self), indent=1))

    @staticmethod
    def load(path: Path) -> LocalRun:
        """Reads a request that `save` has written."""
        return LocalRun(**json.loads(path.read_text()))


def run_pipeline(request: LocalRun) -> dict[str, Any]:
    """Runs the pipeline; outputs by name, artifacts as their paths.

    Raises:
        RuntimeError: a step failed.
    """
    from kfp import local

    local.init(
        runner=_runner(request),
        pipeline_root=request.pipeline_root,
        workspace_root=str(Path(request.pipeline_root) / "workspace"),
        enable_caching=True,
        cache_root=request.cache_root,
    )
    task = pipeline_function(request.pipeline, _platform(request))(**request.arguments)
    return {name: getattr(value, "uri", value) for name, value in task.outputs.items()}


def _platform(request: LocalRun) -> Platform | None:
    if not request.profile:
        return local_platform(request.at_once) if request.at_once else None
    lists = [request.arguments.get(parameter, []) for parameter in MEMBER_LISTS]
    return on_cluster(load_profile(request.profile), [item["member"] for items in lists for item in items])


def _runner(request: LocalRun) -> Any:
    from kfp import local

    if request.runner == "subprocess":
        return local.SubprocessRunner(use_venv=False)
    docker_types: Any = import_module("docker.types")
    # The readings may lie in the run's own folder, and docker refuses to mount one twice.
    folders = dict.fromkeys(request.mounts)
    mounts = [docker_types.Mount(target=folder, source=folder, type="bind") for folder in folders]
    return local.DockerRunner(mounts=mounts, user=f"{os.getuid()}:{os.getgid()}")


def guard_steps(stopping: threading.Event, work: str = "") -> None:
    """Lets no step begin once the run is stopping, and starts trainings that share the cores with fewer threads.

    A training that died of memory is run again; its note in the work folder says with what.

    kfp.local can't be told to stop: after a failure or a signal it would still start every waiting iteration of a loop.
    """
    from kfp.local import subprocess_task_handler as handler

    start: Callable[..., int] = handler.run_local_subprocess

    def guarded(full_command: Sequence[str], env_vars: dict[str, str] | None = None) -> int:
        if stopping.is_set():
            return 128 + signal.SIGTERM
        variables = {**_threads(), **(env_vars or {})}
        code = run_again_after_death(lambda: start(full_command=full_command, env_vars=variables), work, stopping)
        if code != 0:
            stopping.set()
        return code

    handler.run_local_subprocess = guarded


def _threads() -> dict[str, str]:
    """Threads for a step: all cores, or half of them in a loop, whose iterations run two at a time."""
    cores = os.cpu_count() or 1
    in_loop = threading.current_thread() is not threading.main_thread()
    threads = str(max(1, cores // 2) if in_loop else cores)
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {name: threads for name in names if name not in os.environ}


def _stop_with_parent(stopping: threading.Event) -> None:
    """Ends the steps when the parent is gone: its end of the pipe on stdin closes, even at a kill -9."""
    # Not sys.stdin: a thread that holds its buffer would break the interpreter's shutdown.
    os.read(0, 1)
    stopping.set()
    os.killpg(os.getpgid(0), signal.SIGTERM)


def main(arguments: Sequence[str]) -> int:
    """Runs the request in the file named first."""
    request = LocalRun.load(Path(arguments[0]))
    stopping = threading.Event()
    # The steps get the signal as well (one process group): this process waits for them, and starts no more.
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    threading.Thread(target=_stop_with_parent, args=(stopping,), daemon=True).start()
    work = str(request.arguments.get("work", ""))
    guard_steps(stopping, work)
    if request.runner == "docker":
        ContainerSteps(request.pipeline_root, _threads, stopping, work).install()
    try:
        outputs = run_pipeline(request)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write_atomically(Path(request.result), json.dumps(outputs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
