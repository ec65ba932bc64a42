"""How long a gap to fill in each column, and which columns have too many gaps to be of use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A column that costs more of the target's windows than this is left out.
LEAST_WINDOWS = 0.8
BASE_GAP = 10


@dataclass(frozen=True)
class Fills:
    """What the columns' gaps come to.

    Attributes:
        max_gap: longest gap to fill, in steps, of each column worth keeping.
        left_out: columns whose gaps would break too many windows.
        usable: [rows] bool, grid rows on which every kept column has a value.
    """

    max_gap: Mapping[str, int]
    left_out: tuple[str, ...]
    usable: NDArray[np.bool_]


def guess_fills(
    observed: Mapping[str, NDArray[np.bool_]], inside: NDArray[np.bool_], target: str, window: int, ahead: int
) -> Fills:
    """Chooses the shortest fills that leave enough windows, beginning with the columns with fewest gaps.

    Args:
        observed: of each column, [rows] bool, grid rows on which it was read.
        inside: [rows] bool, false on the rows between series, which no fill makes usable.
        target: the column that is always kept.
        window: rows of a window.
        ahead: rows that a window needs after it.
    """
    base = max(1, min(BASE_GAP, window // 4))
    need = window + ahead
    usable = fill_short(observed[target], base) & inside
    wanted = LEAST_WINDOWS * count_windows(usable, need)
    max_gap, left_out = {target: base}, []
    for name in sorted(observed, key=lambda name: -int(observed[name].sum())):
        if name == target:
            continue
        for gap in sorted({base, min(3 * base, window), max(base, window // 2), max(base, window)}):
            together = usable & fill_short(observed[name], gap)
            if count_windows(together, need) >= wanted:
                max_gap[name], usable = gap, together
                break
        else:
            left_out.append(name)
    return Fills(max_gap, tuple(left_out), usable)


def fill_short(observed: NDArray[np.bool_], longest: int) -> NDArray[np.bool_]:
    """Rows that have a value once gaps of up to `longest` rows are filled: [rows] bool."""
    edges = np.flatnonzero(np.diff(observed.astype(np.int8), prepend=1, append=1))
    filled = observed.copy()
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        # A gap at the very beginning has nothing before it to hold.
        if end - start <= longest and start > 0:
            filled[start:end] = True
    return filled


def count_windows(usable: NDArray[np.bool_], need: int) -> int:
    """Places at which `need` rows in a row are usable."""
    edges = np.flatnonzero(np.diff(usable.astype(np.int8), prepend=0, append=0))
    runs = edges[1::2] - edges[::2]
    return int(np.maximum(runs - need + 1, 0).sum())
