"""Names of a table's columns: cleaned, made unique, and checked against those that are wanted."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from components.errors import InputError


def clean_names(cells: Sequence[object]) -> list[str]:
    """Column names without surrounding blanks; an empty one is numbered, a repeated one gets `.1`, `.2`."""
    names: list[str] = []
    for position, cell in enumerate(cells, start=1):
        name = "" if cell is None else str(cell).strip()
        names.append(_unused(name or f"column {position}", names))
    return names


def require_columns(names: Sequence[str], wanted: Sequence[str] | None, source: str) -> None:
    """Checks that each wanted column is there, once.

    Raises:
        InputError: a column is missing (with the nearest name) or stands in the header twice.
    """
    for name in wanted or ():
        if name not in names:
            raise InputError(source, f"it has no column {name!r}; its columns are {_listed(names)}", _fix(name, names))
        if f"{name}.1" in names and f"{name}.1" not in (wanted or ()):
            raise InputError(source, f"the column {name!r} stands in the header twice", "rename or drop one of the two")


def _unused(name: str, names: Sequence[str]) -> str:
    if name not in names:
        return name
    count = 1
    while f"{name}.{count}" in names:
        count += 1
    return f"{name}.{count}"


def _fix(name: str, names: Sequence[str]) -> str:
    by_case = {other.casefold(): other for other in names}
    near = by_case.get(name.casefold()) or next(iter(difflib.get_close_matches(name, names, n=1)), None)
    if near is None:
        return (
            f"name one of the table's columns instead of {name!r} in the dataset file, or add the column to the table"
        )
    return f"did you mean {near!r}? Write it in the dataset file, or rename the column in the table"


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
