from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Column, Missing, Spike, Split
from components.errors import InputError
from components.journal import Journal
from components.preprocess.inspect import inspect_series
from components.preprocess.readings import readings_from_frame, readings_from_parquet
from components.preprocess.step import PrepareRequest, prepare_series, series_of
from components.preprocess.storage import digest_of, load_series

SILENT = Journal("", "preprocess")


def prepare(dataset, frame, folder):
    frame.to_parquet(folder / "readings.parquet")
    summary = prepare_series(PrepareRequest(dataset, folder / "readings.parquet", folder / "series"), SILENT)
    return summary, load_series(folder / "series")


def test_series_are_told_apart_wherever_one_ends_in_the_file(make_dataset, tmp_path):
    lengths = [131_072, 3, 131_069, 5]
    names = np.repeat(["a", "b", "c", "d"], lengths)
    times = pd.date_range("2024-01-01", periods=max(lengths), freq="h")
    time = np.concatenate([times[:length] for length in lengths])
    dataset = make_dataset()
    values = {name: np.arange(len(time), dtype=float) for name in dataset.columns}
    pd.DataFrame({"series": names, "time": pd.DatetimeIndex(time).tz_localize("UTC"), **values}).to_parquet(
        tmp_path / "readings.parquet", row_group_size=50_000
    )
    readings = readings_from_parquet(dataset, tmp_path / "readings.parquet")
    assert (readings.names, readings.borders.tolist()) == (("a", "b", "c", "d"), np.cumsum([0, *lengths]).tolist())
    np.testing.assert_array_equal(readings.stamps(), time)
    np.testing.assert_array_equal(readings.column(dataset.target), np.arange(len(time)))


def test_a_series_on_disk_is_the_series_in_memory(make_dataset, make_readings, tmp_path):
    dataset = make_dataset(calendar=("hour_of_day",))
    frame = make_readings(dataset)
    summary, loaded = prepare(dataset, frame, tmp_path)
    made = series_of(dataset, readings_from_frame(dataset, frame))
    assert isinstance(loaded.values, np.memmap)
    assert loaded.digest == made.digest == digest_of(loaded)
    assert (loaded.spans, loaded.scaler, loaded.season) == (made.spans, made.scaler, 24)
    np.testing.assert_array_equal(loaded.values[:, 0], frame["level"].to_numpy(np.float32))
    assert summary.windows_train == 60 - 6 - 3 + 1
    assert (summary.rows_grid, summary.gaps, summary.longest_gap) == (100, 0, 0)


def test_a_folder_without_its_last_file_is_no_series(make_dataset, make_readings, tmp_path):
    prepare(make_dataset(), make_readings(make_dataset()), tmp_path)
    (tmp_path / "series" / "series.json").unlink()
    with pytest.raises(InputError, match="holds no prepared series"):
        load_series(tmp_path / "series")


def test_values_of_a_series_on_disk_cannot_be_changed(make_dataset, make_readings, tmp_path):
    _, series = prepare(make_dataset(), make_readings(make_dataset()), tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        series.values[0, 0] = 1


def test_the_scaler_is_fitted_on_usable_training_rows(make_dataset, make_readings, tmp_path):
    columns = {"level": Column(missing=Missing(max_gap=0)), "rain": Column(), "area": Column(role="static")}
    dataset = make_dataset(columns=columns)
    frame = make_readings(dataset)
    frame["area"] = 0.1
    frame.loc[10:14, "level"] = np.nan
    frame.loc[80:, "rain"] = 1e6
    _, series = prepare(dataset, frame, tmp_path)
    # The parts are shares of the 95 stamps at which the target was read.
    rows = frame["level"].notna().to_numpy() & (np.arange(100) < series.spans[0].validation)
    assert series.spans[0].validation == 5 + int(0.6 * 95)
    np.testing.assert_allclose(series.scaler.center[:2], frame.loc[rows, ["level", "rain"]].mean(), rtol=1e-5)
    np.testing.assert_allclose(series.scaler.scale[:2], frame.loc[rows, ["level", "rain"]].std(ddof=0), rtol=1e-5)
    assert series.scaler.scale[2] == 1.0


def test_a_panel_is_split_at_the_same_moments(make_dataset, make_readings, tmp_path):
    dataset = make_dataset(series="station")
    long, short = make_readings(dataset, 100, "a"), make_readings(dataset, 40, "b", "2024-01-03")
    summary, series = prepare(dataset, pd.concat([long, short]), tmp_path)
    first, second = series.spans
    assert (first.name, second.name, second.start, summary.series) == ("a", "b", 100, 2)
    assert series.stamps[first.validation] == series.stamps[second.validation] == np.datetime64("2024-01-03T12:00")
    assert second.test == second.start + 32
    assert second.end == 140


def test_parts_given_in_rows_count_from_each_series_start(make_dataset, make_readings, tmp_path):
    dataset = make_dataset(split=Split(train=40, validation=20, test=20))
    _, series = prepare(dataset, make_readings(dataset), tmp_path)
    span = series.spans[0]
    assert (span.start, span.validation, span.test, span.end) == (0, 40, 60, 80)


def test_future_plans_beyond_the_last_target_do_not_move_the_split(make_dataset, make_readings, tmp_path):
    dataset = make_dataset(columns={"level": Column(), "rain": Column(), "plan": Column(role="known")})
    frame = make_readings(dataset, 150)
    frame.loc[100:, ["level", "rain"]] = np.nan
    _, series = prepare(dataset, frame, tmp_path)
    assert (series.spans[0].validation, series.spans[0].test, series.spans[0].end) == (60, 80, 150)
    assert series.known == (2,)


def test_business_days_have_no_weekend_gaps(make_dataset, make_readings, tmp_path):
    dataset = make_dataset(step="business_day")
    summary, series = prepare(dataset, make_readings(dataset), tmp_path)
    assert (summary.rows_grid, summary.rows_usable, series.season, series.step_seconds) == (100, 100, 5, 86_400)


def test_the_spike_threshold_is_the_99th_percentile_of_training_rises(make_dataset, make_readings, tmp_path):
    dataset = make_dataset()
    frame = make_readings(dataset, 1000)
    _, series = prepare(dataset, frame, tmp_path)
    level = frame["level"].to_numpy(np.float32)[:600]
    rises = [max(level[row + 1 : row + 4]) - level[row] for row in range(597)]
    assert series.spike_rise == pytest.approx(np.percentile(rises, 99))
    assert series.spike_within == 3
    _, told = prepare(make_dataset(spike=Spike(rise=2.5, within=2)), frame, tmp_path)
    assert (told.spike_rise, told.spike_within) == (2.5, 2)


def test_a_flat_target_is_no_spike(make_dataset, make_readings, tmp_path):
    dataset = make_dataset()
    frame = make_readings(dataset)
    frame["level"] = 3.0
    _, series = prepare(dataset, frame, tmp_path)
    assert series.spike_rise > 0
    assert all(part.spike_windows == 0 for part in inspect_series(series, dataset).parts)


def test_too_few_rows_say_how_many_are_needed(make_dataset, make_readings, tmp_path):
    dataset = make_dataset()
    with pytest.raises(InputError) as caught:
        prepare(dataset, make_readings(dataset, 12), tmp_path)
    assert "train part has no window with a target read after it: it has 7 of 12 rows" in caught.value.problem
    assert "need 9 rows" in caught.value.problem
    assert not (tmp_path / "series" / "series.json").exists()


def test_a_gap_that_breaks_all_windows_is_named(make_dataset, make_readings, tmp_path):
    dataset = make_dataset()
    frame = make_readings(dataset, 25)
    frame.loc[5:12, "level"] = np.nan
    with pytest.raises(InputError) as caught:
        prepare(dataset, frame, tmp_path)
    # Two steps are filled; 07:00 is the first that is not.
    assert "level of creek: no value from 2024-01-01T07:00:00Z to 2024-01-01T12:00:00Z (6 rows)" in str(caught.value)
    assert "columns.level.missing.max_gap" in caught.value.fix


def test_a_missing_column_is_named(make_dataset, make_readings, tmp_path):
    dataset = make_dataset()
    with pytest.raises(InputError, match="has no column rain"):
        prepare(dataset, make_readings(dataset).drop(columns="rain"), tmp_path)


def test_an_inspection_counts_what_each_part_holds(make_dataset, make_readings, tmp_path):
    dataset = make_dataset()
    frame = make_readings(dataset, 200)
    frame.loc[20:29, "rain"] = np.nan
    frame["level"] = 0.0
    frame.loc[[60, 100], "level"] = 9.0
    _, series = prepare(make_dataset(spike=Spike(rise=5, within=3)), frame, tmp_path)
    inspection = inspect_series(series, dataset)
    train, validation, test = inspection.parts
    assert (train.rows, train.usable, train.gaps, train.longest_gap.rows) == (120, 113, 1, 7)
    assert train.longest_gap.columns == ("rain",)
    assert (train.spikes, train.spike_windows, validation.spikes) == (2, 6, 0)
    assert train.windows == (23 - 5) + (120 - 30 - 5 - 3)
    assert (validation.rows, test.rows) == (40, 40)
    assert test.last == series.stamps[-1]
