"""Horizons as a dataset file writes them: numbers of steps and ranges of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from components.dataset.errors import WrongKeyError

LONGEST = 10_000
_RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")
_FIX = "write steps of 1 or more, such as [1, 6, 12], 1-96 or [1-6, 12, 24]"


def parse_horizons(given: Any) -> tuple[int, ...]:
    """Sorted distinct steps of a number, a range `1-96`, or a list of either; text may hold a list with commas.

    Raises:
        WrongKeyError: something in it is no step of 1 or more.
    """
    items = given.split(",") if isinstance(given, str) else given
    if not isinstance(items, list | tuple):
        items = [items]
    steps = {step for item in items for step in _expand(item)}
    if not steps:
        raise WrongKeyError((), "there is no horizon", _FIX)
    return tuple(sorted(steps))


def format_horizons(horizons: Iterable[int]) -> list[int | str]:
    """The shortest list that `parse_horizons` reads as the same steps; runs of three and more become ranges."""
    items: list[int | str] = []
    for _, run in groupby(enumerate(sorted(set(horizons))), key=lambda pair: pair[1] - pair[0]):
        steps = [step for _, step in run]
        items.extend([f"{steps[0]}-{steps[-1]}"] if len(steps) > 2 else steps)
    return items


def _expand(item: Any) -> range:
    match = _RANGE.fullmatch(str(item)) if isinstance(item, int | str) and not isinstance(item, bool) else None
    if match is None:
        raise WrongKeyError((), f"'{item}' is no horizon", _FIX)
    first, last = int(match[1]), int(match[2] or match[1])
    if first < 1 or last > LONGEST:
        raise WrongKeyError((), f"horizon '{item}' is not between 1 and {LONGEST} steps", _FIX)
    if last < first:
        raise WrongKeyError((), f"range '{item}' runs backwards", f"write {last}-{first}")
    return range(first, last + 1)
