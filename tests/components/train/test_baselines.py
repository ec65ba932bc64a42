from __future__ import annotations

import numpy as np
import pytest

from components.preprocess.series import Scaler, Series, Span
from components.train.baselines import persistence, seasonal_naive


@pytest.fixture
def series() -> Series:
    """Two series of 20 rows whose target counts up, with a season of 4 steps."""
    values = np.stack([np.zeros(40), np.arange(40)], axis=1).astype(np.float32)
    values[7] = np.nan
    return Series(
        values=values,
        stamps=np.arange(40).astype("datetime64[h]").astype("datetime64[ns]"),
        observed=np.ones(40, np.bool_),
        usable=np.isfinite(values).all(axis=1),
        inputs=("rain", "level"),
        target=1,
        spans=(Span("a", 0, 10, 15, 20), Span("b", 20, 30, 35, 40)),
        scaler=Scaler((0.0, 0.0), (1.0, 1.0)),
        spike_rise=1.0,
        spike_within=2,
        step_seconds=3600,
        season=4,
    )


def test_persistence_repeats_the_value_at_the_origin(series):
    assert persistence(series, np.array([5, 30]), (1, 9)).tolist() == [[5, 5], [30, 30]]


def test_seasonal_naive_takes_the_latest_row_of_the_same_phase(series):
    assert seasonal_naive(series, np.array([12]), (1, 4, 5, 9)).tolist() == [[9, 12, 9, 9]]


def test_seasonal_naive_falls_back_to_persistence_before_the_series_and_in_gaps(series):
    # Row 20 - 3 is another series' and row 7 is empty.
    assert seasonal_naive(series, np.array([20, 10]), (1,)).tolist() == [[20], [10]]
