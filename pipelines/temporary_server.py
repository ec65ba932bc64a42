"""A server that lives as long as a block of code."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_START_SECONDS = 120.0
_STOP_SECONDS = 30.0


class ServerStartError(Exception):
    """The server ended, or did not get ready in time."""


@contextmanager
def temporary_server(store: Path, model: str, log: Path) -> Iterator[str]:
    """Runs `sluice serve` on free ports until the block ends; its HTTP address.

    Raises:
        ServerStartError: it did not get ready.
    """
    http, grpc, predict = free_ports(3)
    command = [sys.executable, "-m", "pipelines", "serve", "--store", str(store)]
    ports = ["--http-port", str(http), "--grpc-port", str(grpc), "--predict-port", str(predict)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *ports],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
        )
    try:
        url = f"http://localhost:{http}"
        _wait_until_ready(process, f"{url}/v1/models/{model}", log)
        yield url
    finally:
        _stop(process)


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(int(one.getsockname()[1]) for one in sockets)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    import httpx

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerStartError(f"the server ended with status {process.returncode}; log: {log}")
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise ServerStartError(f"the server was not ready within {_START_SECONDS:.0f} s; log: {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
