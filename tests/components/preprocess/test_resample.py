from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.dataset.schema import Column, Missing
from components.preprocess.resample import fill, resample

NAN = np.nan


@pytest.mark.parametrize(("how", "expected"), [("mean", 2.0), ("sum", 6.0), ("last", 3.0), ("max", 3.0), ("min", 1.0)])
def test_readings_of_one_row_become_one_value(how, expected):
    values = resample(np.array([1.0, 2.0, NAN, 3.0, 9.0]), np.array([0, 0, 0, 0, 2]), 3, how)
    np.testing.assert_equal(values, [expected, NAN, 9.0])


def naive_fill(values: list[float], policy: Missing) -> list[float]:
    filled, last, age = [], NAN, 0
    for value in values:
        age = 0 if np.isfinite(value) else age + 1
        last = value if np.isfinite(value) else last
        constant = last if policy.fill == "hold" else 0.0 if policy.fill == "zero" else float(policy.fill)
        filled.append(value if age == 0 else constant if age <= policy.max_gap else NAN)
    return filled


@given(
    st.lists(st.lists(st.sampled_from([NAN, NAN, 1.0, 2.0, 3.0]), min_size=1, max_size=12), min_size=1, max_size=3),
    st.sampled_from(["hold", "zero", 4.5]),
    st.integers(0, 4),
)
def test_fills_look_back_only_up_to_max_gap_and_never_into_another_series(series, how, max_gap):
    policy = Missing(fill=how, max_gap=max_gap)
    values = np.array([value for own in series for value in own])
    borders = np.cumsum([0, *map(len, series)])
    expected = [value for own in series for value in naive_fill(own, policy)]
    np.testing.assert_equal(fill(values, Column(missing=policy), borders), expected)


@pytest.mark.parametrize("border", [0, 65_530, 65_536])
def test_long_columns_are_filled_as_short_ones_are(border):
    values = np.ones(70_000)
    values[65_531:65_545] = NAN
    borders = np.array([0, border, 70_000]) if border else np.array([0, 70_000])
    filled = fill(values, Column(missing=Missing(max_gap=10)), borders)
    first = 65_541 if border < 65_536 else 65_536
    np.testing.assert_equal(np.flatnonzero(np.isnan(filled)), np.arange(first, 65_545))


def test_static_columns_hold_over_the_whole_series_and_no_other():
    values = np.array([NAN, 5.0, NAN, NAN, NAN, NAN, NAN, 7.0])
    filled = fill(values, Column(role="static", missing=Missing(max_gap=0)), np.array([0, 3, 6, 8]))
    np.testing.assert_equal(filled, [5.0, 5.0, 5.0, NAN, NAN, NAN, 7.0, 7.0])
