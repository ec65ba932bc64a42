"""Sensors that hang: the same reading again and again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stuck_cells(values: NDArray[np.float64], series: NDArray[np.int64], longest: int) -> NDArray[np.bool_]:
    """Cells after the first of each run of more than `longest` equal readings, one after the other.

    Missing readings neither break a run nor count in it; a border of series breaks it.

    Args:
        values: [rows] of one column, by series and time.
        series: [rows] code of each row's series.
        longest: readings that may be equal.
    """
    stuck = np.zeros(len(values), dtype=bool)
    read = np.flatnonzero(~np.isnan(values))
    if not len(read):
        return stuck
    present, group = values[read], series[read]
    starts = np.ones(len(read), dtype=bool)
    starts[1:] = (present[1:] != present[:-1]) | (group[1:] != group[:-1])
    first = np.flatnonzero(starts)
    lengths = np.diff(np.append(first, len(read)))
    stuck[read] = np.repeat(lengths > longest, lengths) & ~starts
    return stuck
