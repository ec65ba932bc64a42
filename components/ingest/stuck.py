"""Sensors that hang: the same reading again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stuck_cells(values: NDArray[np.float64], series: NDArray[np.integer], longest: int) -> NDArray[np.bool_]:
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
    starts = _differs(values[read]) | _differs(series[read])
    # Of most columns few cells repeat the one before; those of one run follow each other.
    repeated = np.flatnonzero(~starts)
    runs = np.flatnonzero(np.diff(repeated, prepend=-1) != 1)
    lengths = np.diff(runs, append=len(repeated))
    stuck[read[repeated[np.repeat(lengths >= longest, lengths)]]] = True
    return stuck


def _differs(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each value is another than the one before it; the first is."""
    return np.append(True, values[1:] != values[:-1])
