"""How far the target rises above its value at a row within the next rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Series
from components.preprocess.target import target_between

# The rise that one training row in a hundred exceeds, where the dataset file names none.
SPIKE_PERCENTILE = 99.0


def rises(series: Series, first: int, last: int, within: int) -> NDArray[np.float32]:
    """Highest observed target of the next `within` rows less the target at the row: [last - first].

    No row at or after `last` is read; NaN where none of the rows that remain is observed.
    """
    target = target_between(series, first, last)
    observed = np.where(series.observed[first:last], target, -np.inf).astype(np.float32)
    peak = _highest_ahead(observed, within)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(peak), peak - target, np.nan).astype(np.float32)


def spike_rise_of(series: Series, within: int) -> float:
    """99th percentile of the rises from the training rows whose next `within` rows are training rows too.

    Where the target hardly ever rises, its standard deviation stands in, so that a flat line is no spike.
    """
    found = [np.empty(0, np.float32)]
    for span in series.spans:
        first, last = span.part("train")
        if last - first > within:
            found.append(rises(series, first, last, within)[:-within])
    known = np.concatenate(found)
    known = known[np.isfinite(known)]
    rise = float(np.percentile(known, SPIKE_PERCENTILE)) if len(known) else 0.0
    return rise if rise > 0 else series.scaler.scale[series.target]


def _highest_ahead(values: NDArray[np.float32], within: int) -> NDArray[np.float32]:
    """Maximum of values[i+1..i+within], cut short at the end: log2(within) passes instead of `within`."""
    best = np.append(values[1:], np.float32(-np.inf))
    covered = 1
    while covered < within:
        shift = min(covered, within - covered)
        # best holds the maximum of the next `covered` values; one more look from `shift` further on extends it.
        best[:-shift] = np.maximum(best[:-shift], best[shift:].copy())
        covered += shift
        if shift >= len(best):
            break
    return best
