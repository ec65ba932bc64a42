"""Gaps: runs of grid rows in which a column has no value, longer than its policy fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import PartName, Series


@dataclass(frozen=True)
class Gap:
    """A run of rows that no window may cross.

    Attributes:
        series: name of the series.
        columns: the columns that have no value at its first row.
        first: stamp of its first row.
        last: stamp of its last row.
        rows: number of rows.
    """

    series: str
    columns: tuple[str, ...]
    first: np.datetime64
    last: np.datetime64
    rows: int

    def __str__(self) -> str:
        first, last = (np.datetime_as_string(stamp, unit="s") + "Z" for stamp in (self.first, self.last))
        return f"{' and '.join(self.columns)} of {self.series}: no value from {first} to {last} ({self.rows} rows)"


@dataclass(frozen=True)
class PartGaps:
    """The gaps of one part, of all series: how many, and the longest."""

    count: int
    longest: Gap | None


def gaps_of(series: Series, part: PartName) -> PartGaps:
    """Counts the gaps of a part and finds the longest."""
    count, longest_rows, longest_at, name = 0, 0, 0, ""
    for span in series.spans:
        first, last = span.part(part)
        starts, ends = _runs(~np.asarray(series.usable[first:last]))
        count += len(starts)
        lengths = ends - starts
        if len(lengths) and lengths.max() > longest_rows:
            longest_rows, longest_at, name = int(lengths.max()), first + int(starts[lengths.argmax()]), span.name
    return PartGaps(count, _gap_at(series, name, longest_at, longest_rows) if longest_rows else None)


def longest_usable(series: Series, part: PartName) -> int:
    """Rows of the longest run without a gap in a part of one series."""
    runs = [_runs(np.asarray(series.usable[slice(*span.part(part))])) for span in series.spans]
    return max((int((ends - starts).max()) for starts, ends in runs if len(starts)), default=0)


def _gap_at(series: Series, name: str, row: int, rows: int) -> Gap:
    empty = np.flatnonzero(~np.isfinite(series.values[row]))
    columns = tuple(series.inputs[index] for index in empty)
    return Gap(name, columns, series.stamps[row], series.stamps[row + rows - 1], rows)


def _runs(flags: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row and row after the last of each run of true flags."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
