"""Limits of a column guessed from its readings, and the values that loggers write instead of a reading."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What loggers write when they have no reading.
_SENTINELS = (99, 99.9, 999, 999.9, 8888, 9999, 9999.9, 99_999, 99_999.9, 999_999)


@dataclass(frozen=True)
class RangeGuess:
    """What a column's readings span.

    Attributes:
        lowest: lowest reading, sentinels left out.
        highest: highest reading, sentinels left out.
        low: guessed lowest possible value.
        high: guessed highest possible value.
        sentinels: values that stand for "no reading".
    """

    lowest: float
    highest: float
    low: float
    high: float
    sentinels: tuple[float, ...]


def guess_range(values: NDArray[np.float64]) -> RangeGuess:
    """Limits a whole range beyond the readings on each side, since records get broken; never below 0 without need.

    Args:
        values: [rows] readings, NaN for none; at least one is finite.
    """
    distinct = np.unique(values[np.isfinite(values)])
    sentinels = _sentinels(distinct)
    readings = distinct[~np.isin(distinct, sentinels)]
    lowest, highest = float(readings[0]), float(readings[-1])
    width = highest - lowest or abs(highest) or 1.0
    low = lowest - width if lowest < 0 else max(0.0, lowest - width)
    return RangeGuess(lowest, highest, _outward(low, width, -1), _outward(highest + width, width, 1), sentinels)


def _sentinels(distinct: NDArray[np.float64]) -> tuple[float, ...]:
    """Extreme values that are spelled like a sentinel and lie further off than all other readings span."""
    rest = list(distinct)
    found: list[float] = []
    for end, beside in ((0, 1), (-1, -2)):
        while len(rest) > 3 and any(abs(rest[end]) == mark for mark in _SENTINELS):
            others = rest[1:] if end == 0 else rest[:-1]
            if abs(rest[end] - rest[beside]) <= others[-1] - others[0]:
                break
            found.append(float(rest.pop(end)))
    return tuple(found)


def _outward(value: float, width: float, direction: int) -> float:
    """Rounds away from the readings, to a tenth of the magnitude of their range."""
    unit = 10.0 ** (math.floor(math.log10(width)) - 1)
    digits = max(0, -math.floor(math.log10(unit)))
    rounded = math.floor(value / unit) if direction < 0 else math.ceil(value / unit)
    return round(rounded * unit, digits)
