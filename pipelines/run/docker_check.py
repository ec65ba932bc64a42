"""Whether steps can run in containers on this machine."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from components.errors import InputError
from components.image import IMAGE


def check_docker() -> None:
    """Finds the docker package, the daemon and the image.

    The image is looked for because kfp would pull one that is absent from a public registry, where it is not ours.

    Raises:
        InputError: one of them is missing.
    """
    where = "--runner docker"
    if find_spec("docker") is None:
        raise InputError(where, "the docker package is not installed", "`pip install docker`, or leave --runner away")
    docker: Any = import_module("docker")

    try:
        client = docker.from_env()
        tags = {tag for image in client.images.list() for tag in image.tags}
    except docker.errors.DockerException as error:
        raise InputError(where, f"docker does not answer ({error})", "start it, or leave --runner away") from error
    if IMAGE not in tags:
        raise InputError(where, f"there is no image {IMAGE}", f"build it: `docker build -t {IMAGE} .`")
