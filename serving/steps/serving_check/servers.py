"""Servers on trial: TensorFlow Serving where it is installed, KServe's ModelServer everywhere."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.deploy.store import ModelStore

START_SECONDS = 120.0
_STOP_SECONDS = 30.0


class NotServedInTimeError(Exception):
    """The server ended, or did not load the model in time."""


@dataclass(frozen=True)
class Trial:
    """A server that has the candidate loaded.

    Attributes:
        urls: address by protocol.
        pid: of the server's process.
        load_seconds: from its start until the candidate was ready.
    """

    urls: Mapping[str, str]
    pid: int
    load_seconds: float

    def peak_memory_bytes(self) -> int:
        """The most resident memory that its process has had."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0


Runner = Callable[[ModelStore, str, Path], AbstractContextManager[Trial]]

_SERVE = """
import json, sys
from pathlib import Path
from serving.serve import ServeOptions, serve
options = json.loads(sys.argv[1])
serve(ServeOptions(Path(options.pop("store")), **options))
"""


@contextmanager
def model_server(store: ModelStore, model: str, log: Path) -> Iterator[Trial]:
    """Runs KServe's ModelServer over a store until the block ends.

    Raises:
        NotServedInTimeError: the model wasn't ready in time.
    """
    http, grpc, predict = free_ports(3)
    options = {"store": str(store.root), "http_port": http, "grpc_port": grpc, "predict_port": predict}
    urls = {
        "v1": f"http://localhost:{http}",
        "v2": f"http://localhost:{http}",
        "v2-grpc": f"grpc://localhost:{grpc}",
        "tfserving": f"grpc://localhost:{predict}",
    }
    command = [sys.executable, "-c", _SERVE, json.dumps(options)]
    with _process(command, log) as process:
        seconds = _ready_after(process, f"{urls['v1']}/v1/models/{model}", log)
        yield Trial(urls, process.pid, seconds)


@contextmanager
def tensorflow_serving(binary: Path, store: ModelStore, model: str) -> Iterator[Trial]:
    """Runs TensorFlow Serving over a store until the block ends.

    Raises:
        NotServedInTimeError: the model wasn't ready in time, or couldn't be loaded.
    """
    from serving.tfserving.config import TfServingOptions
    from serving.tfserving.process import ModelServerError, ModelServerProcess
    from serving.tfserving.rollout import ModelPlan

    grpc, rest = free_ports(2)
    started = time.monotonic()
    try:
        options = TfServingOptions(binary, store.root, grpc_port=grpc, rest_port=rest)
        with ModelServerProcess(options, {model: ModelPlan(store.versions(model))}) as server:
            seconds = time.monotonic() - started
            yield Trial(
                {"v1": f"http://localhost:{rest}", "tfserving": f"grpc://localhost:{grpc}"}, server.pid, seconds
            )
    except ModelServerError as error:
        raise NotServedInTimeError(str(error)) from error


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(int(one.getsockname()[1]) for one in sockets)


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        yield process
    finally:
        _stop(process)


def _ready_after(process: subprocess.Popen[bytes], url: str, log: Path) -> float:
    import httpx

    started = time.monotonic()
    while (waited := time.monotonic() - started) < START_SECONDS:
        if process.poll() is not None:
            raise NotServedInTimeError(f"the server ended with status {process.returncode}: {_last_line(log)}")
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return waited
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise NotServedInTimeError(f"the model was not ready within {START_SECONDS:.0f} s: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
