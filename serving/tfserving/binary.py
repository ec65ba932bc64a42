"""Where the program tensorflow_model_server is; it is in no package registry."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.errors import InputError

BINARY = "tensorflow_model_server"


def find_binary() -> Path | None:
    """The tensorflow_model_server on PATH."""
    found = shutil.which(BINARY)
    return Path(found) if found else None


def required_binary() -> Path:
    """The tensorflow_model_server on PATH.

    Raises:
        InputError: there is none.
    """
    found = find_binary()
    if found is None:
        fix = (
            "install TensorFlow Serving (its image tensorflow/serving holds it as /usr/bin/tensorflow_model_server) and"
            " put it on PATH, or use --runtime inprocess"
        )
        raise InputError("--runtime tfserving", f"there is no {BINARY} on PATH", fix)
    return found
