"""Mistakes in a dataset file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from components.errors import InputError

Key = tuple[str | int, ...]


class DatasetError(InputError):
    """A dataset file is wrong; `where` names the file, the line and the key."""


class WrongKeyError(ValueError):
    """One thing wrong with a dataset, found by a check of the schema.

    A ValueError, so that pydantic carries it; the loader adds the file and the line.

    Attributes:
        key: path below the part that was checked, such as `("columns", "rain", "limits")`.
        problem: what is wrong there.
        fix: what to do about it.
    """

    def __init__(self, key: Key, problem: str, fix: str) -> None:
        super().__init__(f"{key_text(key)}: {problem}; {fix}" if key else f"{problem}; {fix}")
        self.key = key
        self.problem = problem
        self.fix = fix


def key_text(key: Key) -> str:
    """A path as people write it: `rules[0].then`, `columns.rain.limits`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def nearest(wanted: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a wrong one, if any is."""
    names = sorted(known)
    same = [name for name in names if _plain(name) == _plain(wanted)]
    return next(iter(same or get_close_matches(wanted, names, n=1)), None)


def choose(wanted: str, known: Iterable[str]) -> str:
    """The fix for a wrong name: the nearest known one, and all of them."""
    names = sorted(known)
    near = nearest(wanted, names)
    if near:
        return f"did you mean '{near}'? Known: {_listed(names)}"
    return f"use one of {_listed(names)}" if names else "remove it"


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def _listed(names: list[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
