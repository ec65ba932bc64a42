"""The target's readings, copied out of the table."""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Series

_BLOCK_ROWS = 65_536


def target_between(series: Series, first: int, last: int) -> NDArray[np.float32]:
    """The target from row `first` to the one before `last`, [rows], raw units.

    A mapped table lies in its file row by row, so that one column of it is read with all others: pages that were read
    are given back block by block, and the table doesn't stay in memory.
    """
    found = np.empty(last - first, np.float32)
    for start in range(first, last, _BLOCK_ROWS):
        block = slice(start, min(start + _BLOCK_ROWS, last))
        found[block.start - first : block.stop - first] = series.values[block, series.target]
        _give_back(series.values)
    return found


def _give_back(table: NDArray[np.float32]) -> None:
    if isinstance(table.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        table.base.madvise(mmap.MADV_DONTNEED)
