"""What was compiled and observed on this machine, one file for each figure, found again by what it is a figure of."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from components.errors import InputError
from pipelines.atomic import write_atomically
from pipelines.capacity.memory.compiled import compiled_memory
from pipelines.capacity.memory.members import member_architecture
from pipelines.capacity.memory.observed import observed_memory
from pipelines.capacity.memory.subject import Subject

FORMAT = 1
# A training step compiled, an answer compiled, training steps run.
Column = Literal["compiled", "answering", "observed"]


@dataclass(frozen=True)
class Wanted:
    """A figure of a network.

    Attributes:
        subject: the network, and how it is trained.
        column: what is measured of it.
        batch: windows or chunks at once.
    """

    subject: Subject
    column: Column
    batch: int

    @property
    def key(self) -> str:
        """Of all that the figure depends on: the network itself, not its name or path alone, and who computes it.

        Raises:
            InputError: there is no such member or file.
        """
        subject = self.subject
        subject.check()
        network = _digest(Path(subject.model).read_bytes()) if subject.model else _members_network(subject)
        facts = [FORMAT, {**asdict(subject), "model": ""}, network, self.column, self.batch, _versions()]
        return _digest(json.dumps(facts, sort_keys=True).encode())


@dataclass(frozen=True)
class Measured:
    """A figure.

    Attributes:
        bytes: that the step or answer takes.
        device: that was compiled for, or measured.
        taken_at: when, as ISO 8601.
    """

    bytes: int
    device: str
    taken_at: str


@dataclass(frozen=True)
class Measurements:
    """Figures in a folder; one without any is as good as one that isn't there."""

    folder: Path

    def find(self, wanted: Wanted) -> Measured | None:
        """A figure that was kept; None where it wasn't, or its file is damaged."""
        try:
            facts: dict[str, Any] = json.loads(self._path(wanted).read_text(encoding="utf-8"))
            return Measured(int(facts["bytes"]), str(facts["device"]), str(facts["taken_at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, wanted: Wanted, measured: Measured) -> None:
        """Writes a figure whole or not at all.

        Raises:
            InputError: it can't be written.
        """
        path = self._path(wanted)
        about = {"network": wanted.subject.member or wanted.subject.model, "column": wanted.column}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps({**about, "batch": wanted.batch, **asdict(measured)}, indent=1) + "\n")
        except OSError as error:
            raise InputError(
                str(path), f"can't be written ({error})", "set XDG_CACHE_HOME to your own folder"
            ) from None

    def _path(self, wanted: Wanted) -> Path:
        return self.folder / f"{wanted.key}.json"


def measure(wanted: Wanted, environment: Mapping[str, str]) -> Measured:
    """Compiles or runs it in a process of its own.

    Raises:
        RuntimeError: the process failed; its last words are in the message.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if wanted.column == "observed":
        seen = observed_memory(wanted.subject, wanted.batch, environment)
        return Measured(seen.peak_bytes, seen.device, now)
    what: Literal["training", "inference"] = "training" if wanted.column == "compiled" else "inference"
    (found,) = compiled_memory(wanted.subject, [wanted.batch], environment, what)
    return Measured(found.total_bytes, f"XLA for CPUs, {platform.machine()}", now)


def _members_network(subject: Subject) -> str:
    # A test holds the closed form and the member's own layers equal: a member that is changed is another network.
    return repr(member_architecture(subject.member, subject.setting, subject.mode))


@cache
def _versions() -> dict[str, str]:
    """Of what computes; without TensorFlow there are figures of others to be found, and none to be measured."""
    found = {}
    for name in ("tensorflow", "keras"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
