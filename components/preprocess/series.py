"""Series: readings on a regular grid, ready to be cut into windows, on disk as memory-mapped arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PartName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Scaler:
    """Centre and scale of each input column, fitted on training rows alone; `(x - center) / scale`.

    Attributes:
        center: [columns], in the columns' units.
        scale: [columns], in the columns' units, never 0.
    """

    center: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True)
class Span:
    """Rows of one series: train [start, validation), validation [validation, test), test [test, end)."""

    name: str
    start: int
    validation: int
    test: int
    end: int

    def part(self, name: PartName) -> tuple[int, int]:
        """First row and row after the last of a part."""
        borders = {
            "train": (self.start, self.validation),
            "validation": (self.validation, self.test),
            "test": (self.test, self.end),
        }
        return borders[name]


@dataclass(frozen=True)
class Series:
    """All series of a dataset, one after the other, on their grids.

    Attributes:
        values: [rows, columns] float32, raw units, filled; NaN where a gap is too long to fill.
        stamps: [rows] datetime64[ns], UTC.
        observed: [rows] bool, whether the target was read there (not filled).
        usable: [rows] bool, whether every column has a value.
        inputs: names of the columns.
        target: index of the target column.
        spans: where each series and each of its parts lies.
        scaler: of the training rows.
        spike_rise: rise of the target that makes a spike, in its unit.
        spike_within: steps within which it must rise.
        step_seconds: length of one step (of a business day: 86,400).
        season: steps after which the target's daily (of business days: weekly) pattern comes again.
        known: positions of the columns that are also known after an origin.
        digest: SHA-256 of all of the above.
    """

    values: NDArray[np.float32]
    stamps: NDArray[np.datetime64]
    observed: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    inputs: tuple[str, ...]
    target: int
    spans: tuple[Span, ...]
    scaler: Scaler
    spike_rise: float
    spike_within: int
    step_seconds: int
    season: int = 1
    known: tuple[int, ...] = ()
    digest: str = ""
