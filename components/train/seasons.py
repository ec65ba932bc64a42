"""Whether a target has a season, and how many rows of a window are then read as one."""

from __future__ import annotations

import numpy as np

from components.preprocess.series import Series

# Fewer segments than this leave a recurrent layer nothing to follow.
LEAST_SEGMENTS = 4
# How alike the target's changes over a season must be to those of a season before.
SEASONAL = 0.3
# Rows on which that is measured, the newest of the training part of each series.
_MEASURED_ROWS = 50_000


def segment_rows(segment: str | int, window: int, series: Series) -> int:
    """Rows of a segment; 1 for none. `auto` is a season where the target has one, else 1."""
    if segment != "auto":
        return int(segment)
    season = series.season
    if season < 2 or window < LEAST_SEGMENTS * season:
        return 1
    return season if seasonality(series) >= SEASONAL else 1


def seasonality(series: Series) -> float:
    """Correlation of the target's changes in half a season with those one season before; mean over the series."""
    found = [_correlation(series, *span.part("train")) for span in series.spans]
    known = [value for value in found if np.isfinite(value)]
    return float(np.mean(known)) if known else 0.0


def _correlation(series: Series, first: int, last: int) -> float:
    half = max(1, series.season // 2)
    target = np.asarray(series.values[max(first, last - _MEASURED_ROWS) : last, series.target], np.float64)
    # Changes, not levels: any slow level resembles itself a season ago.
    change = target[half:] - target[:-half]
    before, after = change[: -series.season], change[series.season :]
    known = np.isfinite(before) & np.isfinite(after)
    if known.sum() < 2 * series.season or np.std(before[known]) == 0 or np.std(after[known]) == 0:
        return float("nan")
    return float(np.corrcoef(before[known], after[known])[0, 1])
