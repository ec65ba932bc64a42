"""Steps in containers, so that a run can be stopped and a step's exit code is never lost.

kfp.local lets docker remove a container as soon as it ends, and calls a step whose container is gone before it is
asked for its exit code a success (kfp 2.17, docker_task_handler.py). It can't stop a container either. So its function
that runs one is replaced, as `pipelines.local_run` does for processes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pipelines.run.again import run_again_after_death

# Names the containers of one run's folder, so that the next run there finds what a killed one has left.
LABEL = "sluice.pipeline-root"
# Time for a training to write its checkpoint after a signal; less than `child` gives before it kills.
_GRACE_SECONDS = 25.0
_STOPPED = 128 + 15


@dataclass(frozen=True)
class ContainerSteps:
    """Runs the steps of one run, each in a container.

    Attributes:
        pipeline_root: folder for the artifacts; labels the containers.
        environment: gives the variables of the step that begins, by name.
        stopping: set when no step may begin and the running ones are to end.
        work: the run's work folder, in which trainings note what they do; empty for none.
    """

    pipeline_root: str
    environment: Callable[[], Mapping[str, str]]
    stopping: threading.Event
    work: str = ""

    def install(self) -> None:
        """Takes the place of kfp.local's own function, and removes what a killed run has left in this folder."""
        from kfp.local import docker_task_handler

        docker: Any = import_module("docker")
        client = docker.from_env()
        for container in client.containers.list(all=True, filters={"label": f"{LABEL}={self.pipeline_root}"}):
            container.remove(force=True)
        client.close()
        docker_task_handler.run_docker_container = self.run

    def run(self, client: Any, image: str, command: Sequence[str], volumes: Any, **arguments: Any) -> int:
        """Runs one step and shows what it prints, again where a training died of memory; its exit code."""
        environment = {**self.environment(), **arguments.pop("environment", {})}

        def once() -> int:
            return self._run_once(client, image, command, volumes, environment, arguments)

        code = run_again_after_death(once, self.work, self.stopping)
        if code != 0:
            self.stopping.set()
        return code

    def _run_once(
        self,
        client: Any,
        image: str,
        command: Sequence[str],
        volumes: Any,
        environment: Mapping[str, str],
        arguments: Mapping[str, Any],
    ) -> int:
        if self.stopping.is_set():
            return _STOPPED
        container = client.containers.run(
            image=image,
            command=list(command),
            volumes=volumes,
            environment=dict(environment),
            labels={LABEL: self.pipeline_root},
            read_only=True,
            tmpfs={"/tmp": "mode=1777"},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            detach=True,
            **arguments,
        )
        return self._follow(container)

    def _follow(self, container: Any) -> int:
        ended = threading.Event()
        threading.Thread(target=self._stop_when_asked, args=(container, ended), daemon=True).start()
        try:
            for line in container.logs(stream=True):
                sys.stdout.write(line.decode("utf-8", errors="replace"))
            code: int = container.wait()["StatusCode"]
        finally:
            ended.set()
            container.remove(force=True)
        return code

    def _stop_when_asked(self, container: Any, ended: threading.Event) -> None:
        while not self.stopping.wait(0.2) and not ended.is_set():
            pass
        if ended.is_set():
            return
        errors: Any = import_module("docker.errors")
        # It may end by itself at any time, and then refuses both.
        with suppress(errors.APIError):
            # The first process is kfp's shell, which as number 1 ignores the signal that `docker stop` would send it.
            container.exec_run(["sh", "-c", "kill -TERM -1"])
        if not ended.wait(_GRACE_SECONDS):
            with suppress(errors.APIError):
                container.kill()
