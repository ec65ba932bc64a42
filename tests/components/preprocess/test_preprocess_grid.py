from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.preprocess.calendar_columns import calendar_column
from components.preprocess.grid import Grid, grid_of, stamps_after
from components.preprocess.on_grid import lay_on_grid
from components.preprocess.readings import readings_from_frame


def stamps_of(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[ns]")


def test_a_reading_belongs_to_the_stamp_that_ends_its_step():
    grid = Grid(3600, False, "UTC")
    slots = grid.slots(stamps_of("2024-01-01T10:00:00", "2024-01-01T10:00:01", "2024-01-01T11:00:00"))
    assert list(grid.stamps(slots)) == list(stamps_of("2024-01-01T10:00", "2024-01-01T11:00", "2024-01-01T11:00"))


@given(st.integers(-(10**9), 3 * 10**9), st.sampled_from([60, 300, 3600, 7 * 60, 86_400]), st.integers(0, 59))
def test_no_stamp_lies_before_its_reading_or_a_step_after_it(second: int, step: int, phase: int):
    grid = Grid(step, False, "UTC", phase * 10**9)
    stamp = np.array([second], "datetime64[s]").astype("datetime64[ns]")
    wait = (grid.stamps(grid.slots(stamp)) - stamp).astype("timedelta64[s]").astype(int)[0]
    assert 0 <= wait < step


def test_business_days_have_no_weekend_and_its_readings_wait_for_monday():
    grid = Grid(86_400, True, "UTC")
    readings = stamps_of("2024-01-05", "2024-01-05T15:00", "2024-01-06", "2024-01-08", "2024-01-09")
    slots = grid.slots(readings)
    assert list(np.diff(slots)) == [1, 0, 0, 1]
    expected = stamps_of("2024-01-05", "2024-01-08", "2024-01-08", "2024-01-08", "2024-01-09")
    assert list(grid.stamps(slots)) == list(expected)


def test_business_days_agree_with_numpy_over_ten_years():
    grid = Grid(86_400, True, "UTC")
    days = np.arange(np.datetime64("2015-01-01"), np.datetime64("2025-01-01"))
    days = days[np.is_busday(days)].astype("datetime64[ns]")
    slots = grid.slots(days)
    assert (np.diff(slots) == 1).all()
    assert (grid.stamps(slots) == days).all()


def test_local_days_keep_their_date_when_clocks_change(make_dataset):
    dataset = make_dataset(step="1d", timezone="Europe/Berlin")
    local = pd.date_range("2024-03-01", "2024-11-30", freq="D", tz="Europe/Berlin")
    stamps = local.tz_convert("UTC").tz_localize(None).to_numpy()
    grid = grid_of(dataset, stamps)
    slots = grid.slots(stamps)
    assert (np.diff(slots) == 1).all()
    assert (grid.stamps(slots) == stamps).all()


def test_the_grid_is_in_phase_with_regular_readings_and_whole_for_irregular_ones(make_dataset):
    dataset = make_dataset(step="1h")
    regular = pd.date_range("2024-01-01T00:30", periods=20, freq="1h").to_numpy()
    assert grid_of(dataset, regular).phase == 1800 * 10**9
    irregular = regular + np.arange(20).astype("timedelta64[s]")
    assert grid_of(dataset, irregular).phase == 0


def test_stamps_after_an_origin_skip_the_weekend(make_dataset):
    dataset = make_dataset(step="business_day")
    after = stamps_after(dataset, np.datetime64("2024-01-05T15:30"), (1, 2))
    assert list(after) == list(stamps_of("2024-01-08T15:30", "2024-01-09T15:30"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("minute_of_hour", 30.5), ("hour_of_day", 23.508333), ("day_of_week", 6.9795), ("day_of_month", 31.0)],
)
def test_calendar_columns_follow_the_local_clock(name, value):
    # 14:30:30 UTC is 23:30:30 in Seoul; 31 March 2024 is a Sunday.
    column = calendar_column(name, stamps_of("2024-03-31T14:30:30"), "Asia/Seoul")
    assert column[0] == pytest.approx(value, abs=1e-3)


def test_day_of_year_starts_at_zero_on_new_year_and_reaches_366_in_leap_years():
    column = calendar_column("day_of_year", stamps_of("2024-01-01", "2024-12-31T12:00", "2023-07-01"), "UTC")
    assert column.tolist() == [0.0, 365.5, 181.0]


def test_a_huge_gap_keeps_the_phase_of_the_season_and_stays_small(make_dataset):
    dataset = make_dataset(calendar=("hour_of_day",))
    stamps = [
        *pd.date_range("2000-01-01", periods=30, freq="1h"),
        *pd.date_range("2024-06-01T05:00", periods=30, freq="1h"),
    ]
    frame = pd.DataFrame({"series": "creek", "time": pd.DatetimeIndex(stamps, tz="UTC"), "level": 1.0, "rain": 0.0})
    table = lay_on_grid(dataset, readings_from_frame(dataset, frame))
    assert len(table.stamps) < 150
    assert table.stamps[-1] == np.datetime64("2024-06-02T10:00")
    hours = np.diff(table.values[:, 2]) % 24
    assert (hours == 1).all()
    assert (table.usable.sum(), table.observed.sum()) == (62, 60)
