"""A range: what a figure lies between where one number would pretend to know more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Range:
    """Two numbers that a figure lies between, both included; the unit is in the name of the field that holds it.

    Attributes:
        low: the least that the figure may be.
        high: the most.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise ValueError(f"no range from {self.low} to {self.high}: low must not be above high")

    @classmethod
    def exactly(cls, value: float) -> Self:
        """The range of one number."""
        return cls(value, value)

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """The narrowest range that holds all values, of which there is at least one."""
        given = tuple(values)
        return cls(min(given), max(given))

    @property
    def is_exact(self) -> bool:
        """Whether it holds one number only."""
        return self.low == self.high

    @property
    def middle(self) -> float:
        """Halfway between the ends."""
        return self.low + (self.high - self.low) / 2

    def contains(self, value: float) -> bool:
        """Whether a number lies in it."""
        return self.low <= value <= self.high

    def __add__(self, other: Range | float) -> Range:
        """What the sum of two figures lies between."""
        more = _as_range(other)
        return Range(self.low + more.low, self.high + more.high)

    def __sub__(self, other: Range | float) -> Range:
        """What the difference of two figures lies between, where nothing ties one to the other."""
        less = _as_range(other)
        return Range(self.low - less.high, self.high - less.low)

    def __mul__(self, other: Range | float) -> Range:
        """What the product of two figures lies between (interval arithmetic: the extremes of the four products)."""
        factor = _as_range(other)
        return Range.of(end * by for end in (self.low, self.high) for by in (factor.low, factor.high))

    def __truediv__(self, other: Range | float) -> Range:
        """What the quotient of two figures lies between.

        Raises:
            ZeroDivisionError: the divisor may be 0.
        """
        by = _as_range(other)
        if by.contains(0):
            raise ZeroDivisionError(f"{by} holds 0")
        return Range.of(end / part for end in (self.low, self.high) for part in (by.low, by.high))

    def __str__(self) -> str:
        """`6`, or `12 to 15`."""
        return _text(self.low) if self.is_exact else f"{_text(self.low)} to {_text(self.high)}"


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _as_range(value: Range | float) -> Range:
    return value if isinstance(value, Range) else Range.exactly(value)
