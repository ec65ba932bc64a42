from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from components.dataset.load import load_preset
from components.errors import InputError
from components.ingest.clean import clean_tables
from components.ingest.read import read_tables
from components.simulate.basin import DT_SECONDS
from components.simulate.reservoir import simulate_reservoir, simulate_truth
from components.simulate.tide import outer_level
from components.simulate.write import write_simulation

START = datetime(2025, 6, 1)
MONTH = 43_200


@pytest.fixture(scope="module")
def truth():
    return simulate_truth(MONTH, START, seed=3)


def rises(level, within=60):
    """Highest rise above each row within the steps after it."""
    ahead = pd.Series(level[::-1]).rolling(within, min_periods=1).max()[::-1].shift(-1)
    return (ahead - level).to_numpy()


def test_the_columns_are_those_of_the_preset():
    frame = simulate_reservoir(2_000, START, seed=1)
    assert list(frame.columns) == ["time", *load_preset("reservoir").columns]
    assert len(frame) == 2_000


def test_the_level_changes_by_what_flows_in_and_out(truth):
    balance, basin = truth.balance, truth.basin
    area = basin.area_m2 + basin.area_slope_m * balance.level_m
    change = (balance.inflow - balance.outflow) * DT_SECONDS / area
    np.testing.assert_allclose(np.diff(balance.level_m), change[:-1], atol=1e-12)


def test_all_the_water_that_runs_off_comes_from_rain(truth):
    rained = truth.rain.areal.sum() / 1000 * truth.basin.catchment_m2
    ran_off = (truth.balance.inflow.sum() - truth.basin.base_m3s * MONTH) * DT_SECONDS
    assert 0.35 < ran_off / rained < 0.85


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rows", [MONTH, 14_400])
def test_storms_are_many_and_two_of_them_late(rows, seed):
    truth = simulate_truth(rows, START, seed)
    rise = rises(truth.balance.level_m)
    strong = [start for start in truth.rain.starts if np.nanmax(rise[start : start + 480]) >= 0.3]
    assert len(strong) >= 8
    assert sum(start >= 0.85 * rows for start in strong) >= 2


def test_levels_stay_within_what_is_possible(truth):
    dataset = load_preset("reservoir")
    for name, column in dataset.columns.items():
        low, high = column.limits
        values = truth.table[name]
        assert low is None or values.min() >= low, name
        assert high is None or values.max() <= high, name


def test_the_gate_never_lets_the_sea_in(truth):
    below = truth.balance.level_m <= truth.table["outer_level"].to_numpy()
    assert below.any()
    assert (truth.balance.gate_flow[below] == 0).all()


def test_pumps_start_high_and_stop_low(truth):
    level, first = truth.balance.level_m, truth.balance.pumps[0] > 0
    starts, stops = np.flatnonzero(first[1:] & ~first[:-1]) + 1, np.flatnonzero(~first[1:] & first[:-1]) + 1
    assert len(starts) >= 3
    assert (level[starts] >= truth.basin.pump_starts_m[0]).all()
    assert (level[stops] <= truth.basin.pump_stops_m[0]).all()


def test_rain_reaches_the_basin_some_tens_of_minutes_later(truth):
    lags = range(0, 90, 3)
    rain, inflow = truth.rain.areal, truth.balance.inflow
    likeness = [np.corrcoef(rain[: MONTH - 90], inflow[lag : MONTH - 90 + lag])[0, 1] for lag in lags]
    assert 12 <= lags[int(np.argmax(likeness))] <= 60


def test_two_high_waters_come_a_day():
    hours = np.arange(0, 60 * 24, 1 / 60)
    level = outer_level(hours, np.random.default_rng(0))
    smooth = pd.Series(level).rolling(180, center=True).mean()
    peaks = (smooth == smooth.rolling(601, center=True).max()).sum()
    assert 110 <= peaks <= 120


def test_the_same_seed_gives_the_same_table_and_another_another():
    one, same, other = (simulate_reservoir(3_000, START, seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(one, same)
    assert not one["inner_level"].equals(other["inner_level"])


def test_a_start_with_a_zone_is_shown_in_the_basins_time():
    frame = simulate_reservoir(2_000, datetime(2025, 5, 31, 15, tzinfo=UTC), seed=1)
    assert frame["time"].min() == pd.Timestamp("2025-06-01")


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="too few"):
        simulate_reservoir(10, START, seed=1)


@pytest.fixture(scope="module")
def month_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "month.csv.gz"
    write_simulation("reservoir", MONTH, START, 1, path)
    return path


def test_every_fault_of_sensors_and_loggers_occurs(month_file):
    cleaned = clean_tables(load_preset("reservoir"), read_tables(str(month_file)))
    reasons = " ".join(cleaned.quarantine["reason"].unique())
    for fault in ("duplicate", "no number", "stuck", "above the highest", "below the lowest"):
        assert fault in reasons
    assert cleaned.rows_in == MONTH
    assert cleaned.rows_kept > 0.995 * MONTH
    assert cleaned.cells_quarantined < 0.005 * MONTH * 12
    gaps = cleaned.readings["time"].diff().dt.total_seconds() / 60
    assert gaps.max() >= 200
    assert ((gaps > 1) & (gaps < 10)).sum() > 10
    assert (pd.read_csv(month_file, usecols=["time"])["time"].sort_values().index != np.arange(MONTH)).any()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_the_suffix_says_what_is_written_and_the_bytes_are_always_the_same(tmp_path, name):
    first, second = tmp_path / "1" / name, tmp_path / "2" / name
    summary = write_simulation("reservoir", 3_000, START, 7, first)
    write_simulation("reservoir", 3_000, START, 7, second)
    assert first.read_bytes() == second.read_bytes()
    assert (summary.rows, summary.columns, summary.first) == (3_000, 12, START)
    assert sum(len(table.frame) for table in read_tables(str(first))) == 3_000
    assert [path.name for path in first.parent.iterdir()] == [name]


@pytest.mark.parametrize(("preset", "name"), [("stocks", "a.csv"), ("reservoir", "a.txt")])
def test_what_cant_be_simulated_is_refused(tmp_path, preset, name):
    with pytest.raises(InputError):
        write_simulation(preset, 3_000, START, 7, tmp_path / name)
