"""The two small files that say which versions of a model answer: champion.json and candidate.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.deploy.durable import write_file
from components.errors import InputError

CHAMPION = "champion.json"
CANDIDATE = "candidate.json"


@dataclass(frozen=True)
class Champion:
    """The version that is served.

    Attributes:
        version: its number.
        previous: the champion before it, None for the first.
        at: when it became champion, ISO 8601, UTC.
    """

    version: int
    previous: int | None
    at: str


@dataclass(frozen=True)
class Candidate:
    """The version that is on trial beside the champion.

    Attributes:
        version: its number.
        at: since when, ISO 8601, UTC.
    """

    version: int
    at: str


def read_champion(folder: Path) -> Champion | None:
    """The champion of the model in a folder, None before any was promoted.

    Raises:
        InputError: if champion.json can't be read.
    """
    facts = _read(folder / CHAMPION)
    if facts is None:
        return None
    try:
        previous = facts["previous"]
        return Champion(int(facts["version"]), None if previous is None else int(previous), str(facts["at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder / CHAMPION, error) from error


def read_candidate(folder: Path) -> Candidate | None:
    """The candidate of the model in a folder, None where none is staged.

    Raises:
        InputError: if candidate.json can't be read.
    """
    facts = _read(folder / CANDIDATE)
    if facts is None:
        return None
    try:
        return Candidate(int(facts["version"]), str(facts["at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder / CANDIDATE, error) from error


def write_champion(folder: Path, champion: Champion) -> None:
    """Replaces champion.json atomically."""
    write_file(folder / CHAMPION, (json.dumps(asdict(champion)) + "\n").encode())


def write_candidate(folder: Path, candidate: Candidate) -> None:
    """Replaces candidate.json atomically."""
    write_file(folder / CANDIDATE, (json.dumps(asdict(candidate)) + "\n").encode())


def remove_candidate(folder: Path) -> None:
    """Removes candidate.json, if it is there."""
    (folder / CANDIDATE).unlink(missing_ok=True)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    what, command = ("champion", "promote") if path.name == CHAMPION else ("candidate", "stage")
    fix = f"remove it and run `sluice models {command} {path.parent.name} VERSION`"
    return InputError(str(path), f"is no {what} file ({error!r})", fix)
