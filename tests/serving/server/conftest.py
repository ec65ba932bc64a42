"""Servers with limits, keys and certificates of their own, each in its own process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import trustme

from components.deploy.store import ModelStore
from serving.server.limits import Limits
from serving.server.security import Security

_SERVE = """
import json, sys
from pathlib import Path
from serving.serve import ServeOptions, serve
from serving.server.limits import Limits
from serving.server.security import Security
store, http, grpc, predict, limits, security = sys.argv[1:]
paths = {name: path and Path(path) for name, path in json.loads(security).items()}
serve(ServeOptions(Path(store), int(http), int(grpc), int(predict), poll_seconds=0.2,
                   limits=Limits(**json.loads(limits)), security=Security(**paths)))
"""
Start = Callable[[ModelStore, Limits, Security], "Guarded"]


class Guarded:
    """A server in its own process."""

    def __init__(self, process: subprocess.Popen[str], ports: list[int], log: Path) -> None:
        self.process, self.log = process, log
        self.http, self.grpc, self.predict = ports


@pytest.fixture(scope="module")
def start_guarded(tmp_path_factory) -> Iterator[Callable[..., Guarded]]:
    """Starts servers with limits and security, which are ended with the module."""
    started: list[Guarded] = []

    def begin(store: ModelStore, ports, eventually, limits: Limits | None = None, security: Security | None = None):
        log = tmp_path_factory.mktemp("guarded") / "log"
        paths = {name: path and str(path) for name, path in asdict(security or Security()).items()}
        numbers = json.dumps(asdict(limits or Limits()))
        arguments = [str(store.root), *map(str, ports), numbers, json.dumps(paths)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, *arguments], stdout=file, stderr=file, env=environment, text=True
            )
        started.append(Guarded(process, ports, log))
        eventually(lambda: process.poll() is not None or "Ask it:" in log.read_text(), 60)
        assert process.poll() is None, log.read_text()
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(20)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Signs certificates."""
    return trustme.CA()


@pytest.fixture
def certificate(authority, tmp_path) -> tuple[Path, Path, Path]:
    """PEM files of a certificate for localhost, of its key, and of the authority."""
    paths = (tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    write_certificate(authority, paths[0], paths[1])
    authority.cert_pem.write_to_path(str(paths[2]))
    return paths


def write_certificate(authority: trustme.CA, cert: Path, key: Path) -> None:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(str(key))
    cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
