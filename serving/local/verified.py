"""Whether a version of the store may be loaded: it is there, and every file is what was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.deploy.store import ModelStore
from components.errors import InputError

if TYPE_CHECKING:
    from serving.local.servable import Servable

Reason = Literal["damaged", "missing", "unloadable", "unreadable"]


class RefusedVersionError(Exception):
    """A version that must not answer.

    Attributes:
        reason: one word for metrics: `missing` (no such folder), `damaged` (half written, or a file is missing, changed
            or added), `unreadable` (the disk or the rights), `unloadable` (whole, but no servable of ours).
        problem: what is wrong, in one line.
    """

    def __init__(self, reason: Reason, problem: str) -> None:
        super().__init__(reason, problem)
        self.reason = reason
        self.problem = problem.splitlines()[0]


def check_version(store: ModelStore, model: str, version: int) -> Path:
    """The folder of a version after every file of it was read and compared with its checksums.

    Raises:
        RefusedVersionError: it is missing, damaged or unreadable.
    """
    try:
        folder = store.path(model, version)
    except InputError as error:
        if version in store.half_written(model):
            raise RefusedVersionError("damaged", f"{store.root / model / str(version)}: is half written") from error
        raise RefusedVersionError("missing", _told(error)) from error
    try:
        store.verify(model, version)
    except InputError as error:
        raise RefusedVersionError("damaged", _told(error)) from error
    except OSError as error:
        raise RefusedVersionError("unreadable", _told(error)) from error
    return folder


def load_version(store: ModelStore, model: str, version: int) -> Servable:
    """A version in memory, checked and warm.

    Raises:
        RefusedVersionError: it can't be served, whatever is wrong with it.
    """
    from serving.local.servable import load_servable, warm_up

    folder = check_version(store, model, version)
    try:
        servable = load_servable(model, version, folder)
        warm_up(servable)
    except Exception as error:  # a graph can fail in any way; the version that answers goes on
        raise RefusedVersionError("unloadable", _told(error)) from error
    return servable


def _told(error: Exception) -> str:
    return f"{error.where}: {error.problem}" if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
