"""What one unit of the target is: of a dataset's series together, of each by itself, of a window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Series

Rows = NDArray[np.int64]
# Series whose spreads differ by more than this are told apart: errors of the largest would count alone otherwise.
UNLIKE = 2.0
# A window in which nothing moves gets this share of the smallest series' scale, so that nothing is divided by 0.
LEAST_UNIT = 1e-3


def series_scales(series: Series) -> NDArray[np.float64]:
    """Standard deviation of the target over each series' training rows: [series], in its unit, never 0."""
    fallback = float(series.scaler.scale[series.target])
    found = []
    for span in series.spans:
        first, last = span.part("train")
        values = np.asarray(series.values[first:last, series.target], np.float64)
        spread = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
        found.append(spread if spread > 1e-6 * fallback else fallback)
    return np.asarray(found)


def least_unit(series: Series) -> float:
    """What a window's own unit is at least, where the series of a panel differ in size; 0 where they are alike."""
    scales = series_scales(series)
    return LEAST_UNIT * float(scales.min()) if scales.max() > UNLIKE * scales.min() else 0.0


def scales_at(series: Series, rows: Rows) -> NDArray[np.float64]:
    """The scale of the series that each row belongs to: [n]."""
    starts = np.asarray([span.start for span in series.spans])
    return series_scales(series)[np.searchsorted(starts, np.asarray(rows), side="right") - 1]


def window_units(target: NDArray[np.float32], least: float) -> NDArray[np.float64]:
    """The unit of each window, as the layer `WindowUnit` makes it: [n, rows] targets -> [n], in the target's unit."""
    return np.asarray(np.std(target.astype(np.float64), axis=1) + least)
