"""Whether steps can run in containers on this machine."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import serving
from components.errors import InputError
from components.image import IMAGE
from pipelines.run.digests import code_revision

_WHERE = "--runner docker"
_REVISION_SCRIPT = "import serving; from pipelines.run.digests import code_revision as of; print(of(), of(serving))"


def check_docker() -> None:
    """Finds the docker package, the daemon, and the image with this very code.

    The image is looked for because kfp would pull one that is absent from a public registry, where it is not ours. Its
    code is compared because a step's result is cached under the digest of the code here.

    Raises:
        InputError: one of them is missing, or the image is of other code.
    """
    if find_spec("docker") is None:
        raise InputError(_WHERE, "the docker package is not installed", "`pip install docker`, or leave --runner away")
    docker: Any = import_module("docker")
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        raise InputError(_WHERE, f"docker does not answer ({error})", "start it, or leave --runner away") from error
    try:
        revision = client.containers.run(IMAGE, ["python3", "-c", _REVISION_SCRIPT], remove=True, network_mode="none")
    except docker.errors.ImageNotFound:
        raise InputError(_WHERE, f"there is no image {IMAGE}", _build()) from None
    except docker.errors.DockerException as error:
        raise InputError(_WHERE, f"the image {IMAGE} does not run the steps ({error})", _build()) from error
    finally:
        client.close()
    if revision.decode().split() != [code_revision(), code_revision(serving)]:
        raise InputError(_WHERE, f"the image {IMAGE} was built from other code than this", _build())


def _build() -> str:
    return f"in the checkout: `docker build --target cpu --tag {IMAGE} .`"
