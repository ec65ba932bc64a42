"""Forecasts that need no training, against which every model is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Series

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


def persistence(series: Series, origins: Rows, horizons: tuple[int, ...]) -> Floats:
    """The target stays as it is at the origin: [n, horizons] float32, raw units."""
    last = np.asarray(series.values)[np.asarray(origins, np.int64), series.target]
    return np.repeat(last[:, None], len(horizons), axis=1)


def seasonal_naive(series: Series, origins: Rows, horizons: tuple[int, ...]) -> Floats:
    """The target is as it was at the same time of the last day (or weekday): [n, horizons] float32, raw units.

    The season is a day of shorter steps, and a week of days or business days (Hyndman and Athanasopoulos,
    Forecasting: Principles and Practice, 3rd ed., section 5.2). Where that row lies before the series or has no
    value, persistence stands in.
    """
    rows = np.asarray(origins, np.int64)
    steps = np.asarray(horizons, np.int64)
    seasons_back = -(-steps // series.season) * series.season
    sources = rows[:, None] + steps - seasons_back
    starts = np.array([span.start for span in series.spans], np.int64)
    first_rows = starts[np.searchsorted(starts, rows, side="right") - 1]
    inside = sources >= first_rows[:, None]
    values = np.asarray(series.values)[np.where(inside, sources, 0), series.target]
    return np.where(inside & np.isfinite(values), values, persistence(series, rows, horizons))
