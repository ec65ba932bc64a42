from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def client() -> Iterator[Any]:
    """A client of the docker daemon; without one the tests that run containers skip, saying so."""
    docker: Any = pytest.importorskip("docker", reason="the docker package is not installed")
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"docker does not answer: {error}")
    yield client
    client.close()
