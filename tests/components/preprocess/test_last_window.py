from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Column, Missing
from components.errors import InputError
from components.preprocess.last_window import cut_last_windows, last_windows
from components.preprocess.readings import readings_from_frame
from components.preprocess.step import series_of
from components.preprocess.windows import gather_windows


def test_the_last_window_is_the_one_that_training_would_cut(make_dataset, make_readings):
    dataset = make_dataset(calendar=("hour_of_day", "day_of_year"), timezone="Asia/Seoul")
    frame = make_readings(dataset)
    generator = np.random.default_rng(1)
    # Irregular readings: three an hour, some missing.
    frame = pd.concat([frame.assign(time=frame["time"] + pd.Timedelta(minutes=minutes)) for minutes in (3, 17, 41)])
    frame = frame.sample(frac=0.8, random_state=1).sort_values("time", ignore_index=True)
    frame.loc[generator.random(len(frame)) < 0.1, "rain"] = np.nan
    [window] = last_windows(dataset, frame)
    series = series_of(dataset, readings_from_frame(dataset, frame))
    last = np.flatnonzero(series.observed)[-1:]
    np.testing.assert_array_equal(window.values, gather_windows(series.values, last, 6)[0])
    assert window.origin == series.stamps[last[0]]
    assert window.values.dtype == np.float32
    assert window.future is None


def test_the_origin_is_the_last_reading_of_the_target_even_when_others_are_newer(make_dataset, make_readings):
    dataset = make_dataset()
    frame = make_readings(dataset, 20)
    frame.loc[18:, "level"] = np.nan
    [window] = last_windows(dataset, frame)
    assert window.origin == np.datetime64("2024-01-01T17:00")


def test_known_columns_are_read_after_the_origin(make_dataset, make_readings):
    dataset = make_dataset(columns={"level": Column(), "tide": Column(role="known")})
    frame = make_readings(dataset, 20)
    frame.loc[17:, "level"] = np.nan
    [window] = last_windows(dataset, frame)
    np.testing.assert_allclose(window.future[:, 0], frame["tide"][17:20], rtol=1e-6)
    with pytest.raises(InputError, match=r"tide is known for 2 steps after 2024-01-01T16:00:00Z, .* needs 3"):
        last_windows(dataset, frame[:19])


def test_each_series_of_a_panel_has_its_own_last_window(make_dataset, make_readings):
    dataset = make_dataset(series="station")
    frames = [make_readings(dataset, rows, name) for rows, name in ((30, "a"), (4, "b"), (12, "c"))]
    found = cut_last_windows(dataset, pd.concat(frames))
    assert [(window.series, window.origin) for window in found.windows] == [
        ("a", np.datetime64("2024-01-02T05:00")),
        ("c", np.datetime64("2024-01-01T11:00")),
    ]
    [refused] = found.refused
    assert "of b" in refused.where
    assert "4 rows" in refused.problem
    with pytest.raises(InputError, match="window needs 6"):
        last_windows(dataset, pd.concat(frames))


def test_a_gap_too_long_to_fill_is_named_with_column_and_stamp(make_dataset, make_readings):
    dataset = make_dataset()
    frame = make_readings(dataset, 30)
    frame.loc[22:26, "rain"] = np.nan
    with pytest.raises(InputError, match="rain has no value at 2024-01-02T02:00:00Z") as caught:
        last_windows(dataset, frame)
    assert "columns.rain.missing.max_gap" in caught.value.fix


def test_a_missing_column_or_no_target_is_said(make_dataset, make_readings):
    dataset = make_dataset()
    frame = make_readings(dataset)
    with pytest.raises(InputError, match="has no column rain"):
        last_windows(dataset, frame.drop(columns="rain"))
    with pytest.raises(InputError, match="level is never read"):
        last_windows(dataset, frame.assign(level=np.nan))
    with pytest.raises(InputError, match="holds no readings"):
        last_windows(dataset, frame[:0])


def test_a_column_filled_with_a_number_needs_no_reading_at_all_within_its_gap(make_dataset, make_readings):
    columns = {"level": Column(), "valve": Column(missing=Missing(fill=2.5, max_gap=50))}
    dataset = make_dataset(columns=columns)
    [window] = last_windows(dataset, make_readings(dataset, 20).assign(valve=np.nan))
    assert (window.values[:, 1] == 2.5).all()
