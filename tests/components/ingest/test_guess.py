from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.dataset.load import parse_dataset, resolve_source
from components.dataset.schema import Dataset
from components.errors import InputError
from components.ingest.guess import GuessRequest, default_dataset_file, first_dataset
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal


def creek_table(rows: int = 2_000, seed: int = 7) -> pd.DataFrame:
    """Five-minute readings of a creek: rain in bursts, a level that follows them."""
    generator = np.random.default_rng(seed)
    rain = np.where(generator.random(rows) < 0.05, generator.gamma(1, 2, rows), 0.0)
    level = np.empty(rows)
    level[0] = 1.0
    for row in range(1, rows):
        level[row] = 1 + 0.97 * (level[row - 1] - 1) + 0.02 * rain[row - 1]
    stamps = pd.date_range("2024-03-01", periods=rows, freq="5min")
    return pd.DataFrame({"stamp": stamps, "rain": rain.round(2), "level": level.round(3)})


def write(table: pd.DataFrame, folder: Path, name: str = "creek.csv") -> Path:
    path = folder / name
    table.to_csv(path, index=False)
    return path


def guess(path: Path, target: str = "level", **given: Any) -> Dataset:
    request = GuessRequest(table=path, target=target, dataset_file=default_dataset_file(path), **given)
    return parse_dataset(first_dataset(request), "guess.yaml")


def test_time_step_columns_and_defaults_are_found(tmp_path: Path) -> None:
    dataset = guess(write(creek_table(), tmp_path))
    assert (dataset.name, dataset.time, dataset.step, dataset.series) == ("creek", "stamp", "5min", None)
    assert dataset.inputs == ("rain", "level")
    assert (dataset.window, dataset.horizons) == (100, (1, 6, 12))
    assert dataset.columns["rain"].missing.fill == "zero"
    assert dataset.columns["rain"].resample == "sum"
    assert dataset.columns["level"].missing.fill == "hold"


def test_guessed_file_ingests_its_own_table_without_loss(tmp_path: Path) -> None:
    table = creek_table()
    path = write(table, tmp_path)
    yaml = tmp_path / "files" / "creek.yaml"
    dataset = parse_dataset(first_dataset(GuessRequest(table=path, target="level", dataset_file=yaml)), str(yaml))
    assert dataset.source == "../creek.csv"
    request = IngestRequest(dataset, str(resolve_source(dataset, yaml)), tmp_path / "r.parquet", tmp_path / "q.parquet")
    summary = ingest_readings(request, Journal("", "ingest"))
    assert (summary.rows_kept, summary.rows_quarantined, summary.cells_quarantined) == (len(table), 0, 0)


def test_window_horizons_time_and_timezone_are_taken_as_given(tmp_path: Path) -> None:
    table = creek_table().assign(made=lambda frame: frame["stamp"] + pd.Timedelta("1h"))
    given: dict[str, Any] = {"window": 36, "horizons": "1-3, 24", "time": "made", "timezone": "Asia/Seoul"}
    dataset = guess(write(table, tmp_path), **given)
    assert (dataset.window, dataset.horizons, dataset.time) == (36, (1, 2, 3, 24), "made")
    assert dataset.timezone == "Asia/Seoul"
    assert dataset.spike is not None
    assert dataset.spike.within == 24
    assert dataset.gate.spike_recall == 0


def test_spike_rise_is_the_99th_percentile_of_rises_in_the_first_70_percent(tmp_path: Path) -> None:
    table = creek_table()
    # A flood in the test part must not tell what a flood is.
    table.loc[1_900:1_910, "level"] = 50.0
    level = table["level"].to_numpy()[:1_400]
    rises = [level[row + 1 : row + 13].max() - level[row] for row in range(1_399)]
    spike = guess(write(table, tmp_path)).spike
    assert spike is not None
    assert spike.rise == pytest.approx(np.percentile(rises, 99), rel=0.01)


def test_limits_lie_beyond_the_readings_and_hold_no_sentinel(tmp_path: Path) -> None:
    table = creek_table()
    table.loc[[100, 500, 501], "level"] = -9999
    text = first_dataset(
        GuessRequest(table=write(table, tmp_path), target="level", dataset_file=tmp_path / "creek.yaml")
    )
    dataset = parse_dataset(text, "guess.yaml")
    low, high = dataset.columns["level"].limits
    good = table["level"][table["level"] > 0]
    width = good.max() - good.min()
    assert low is not None
    assert high is not None
    assert 0 <= low <= good.min() - width
    assert good.max() + width <= high <= good.max() + 1.2 * width
    assert "-9999 taken as missing" in text


def test_panel_is_seen_by_repeated_stamps(tmp_path: Path) -> None:
    days = pd.bdate_range("2023-01-02", periods=300)
    generator = np.random.default_rng(3)
    table = pd.concat(
        pd.DataFrame({"date": days, "ticker": ticker, "close": 100 + generator.normal(size=300).cumsum()})
        for ticker in ("005930", "000660", "035420")
    )
    dataset = guess(write(table.sort_values(["date", "ticker"]), tmp_path), target="close")
    assert (dataset.series, dataset.step) == ("ticker", "business_day")
    assert dataset.inputs == ("close",)


def test_spike_rise_of_a_panel_never_crosses_from_one_series_to_the_next(tmp_path: Path) -> None:
    days = pd.date_range("2023-01-02", periods=200)
    table = pd.concat(
        pd.DataFrame({"date": days, "site": site, "level": base + np.arange(200) * 0.01})
        for site, base in (("a", 0.0), ("b", 1_000.0))
    )
    spike = guess(write(table, tmp_path)).spike
    assert spike is not None
    assert spike.rise == pytest.approx(0.12, rel=0.01)


def test_columns_that_say_nothing_or_break_windows_are_left_out_with_a_reason(tmp_path: Path) -> None:
    table = creek_table()
    generator = np.random.default_rng(1)
    holey = pd.Series(generator.normal(size=len(table)).round(2))
    for start in range(0, len(table), 400):
        holey[start + 50 : start + 250] = np.nan
    table.insert(0, "row", range(len(table)))
    table = table.assign(station="upper", factor=1.5, holey=holey, time=table["level"] * 2)
    text = first_dataset(
        GuessRequest(table=write(table, tmp_path), target="level", dataset_file=tmp_path / "creek.yaml", time="stamp")
    )
    assert parse_dataset(text, "guess.yaml").inputs == ("rain", "level")
    for reason in (
        "row: always the same, or counts",
        "station: no numbers",
        "factor: always",
        "holey: long gaps",
        "time: the name",
    ):
        assert f"# left out: {reason}" in text


def test_slow_column_with_short_gaps_gets_a_longer_fill(tmp_path: Path) -> None:
    table = creek_table()
    hourly = (np.sin(np.arange(len(table)) / 80)).round(3)
    table["soil"] = np.where(np.arange(len(table)) % 25 == 0, hourly, np.nan)
    gap = guess(write(table, tmp_path)).columns["soil"].missing.max_gap
    assert 24 <= gap <= 100


def test_daily_cycle_makes_hour_of_day_a_column_and_noise_does_not(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    stamps = pd.date_range("2024-01-01", periods=24 * 70, freq="h")
    noise = generator.normal(size=len(stamps))
    cycle = 2 * np.sin(stamps.hour.to_numpy() / 24 * 2 * np.pi)
    noisy = write(pd.DataFrame({"t": stamps, "level": noise}), tmp_path, "noise.csv")
    daily = write(pd.DataFrame({"t": stamps, "level": noise + cycle}), tmp_path, "daily.csv")
    assert guess(noisy).calendar == ()
    assert guess(daily).calendar == ("hour_of_day",)


@pytest.mark.parametrize(("every", "step"), [("59s", "1min"), ("1h", "1h"), ("15min", "15min"), ("7s", "7s")])
def test_step_is_the_median_between_rows(tmp_path: Path, every: str, step: str) -> None:
    table = creek_table(400)
    table["stamp"] = pd.date_range("2024-01-01", periods=400, freq=every)
    assert guess(write(table.drop(index=range(100, 110)), tmp_path)).step == step


def test_odd_names_are_quoted(tmp_path: Path) -> None:
    table = creek_table().rename(columns={"rain": "NO: #1", "level": "수위 (m)", "stamp": "2024"})
    dataset = guess(write(table, tmp_path, "2024 Überlauf.csv.gz"), target="수위 (m)", time="2024")
    assert dataset.inputs == ("NO: #1", "수위 (m)")
    assert dataset.name == "data_2024_berlauf"
    assert dataset.source == "2024 Überlauf.csv.gz"


def test_dataset_file_lies_beside_the_table(tmp_path: Path) -> None:
    assert default_dataset_file(tmp_path / "a.b.csv.gz") == tmp_path / "a.b.yaml"


@pytest.mark.parametrize(
    ("given", "where", "fix"),
    [
        ({"target": "levle"}, "--target", "did you mean 'level'"),
        ({"target": "note"}, "--target", "level"),
        ({"time": "stmp"}, "--time", "did you mean 'stamp'"),
        ({"time": "note"}, "creek.csv", "--time"),
        ({"horizons": "0"}, "--horizons", "1 or more"),
        ({"window": 3_000}, "creek.csv", "--window"),
        ({"window": 1}, "window", "2 or more"),
        ({"timezone": "Asia/Soul"}, "timezone", "Asia/Seoul"),
    ],
)
def test_wrong_wishes_are_told_with_their_option(tmp_path: Path, given: dict[str, Any], where: str, fix: str) -> None:
    path = write(creek_table().assign(note="dry"), tmp_path)
    with pytest.raises(InputError) as caught:
        guess(path, **given)
    assert where in caught.value.where
    assert fix in caught.value.fix


def test_table_without_stamps_or_rows_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--time"):
        guess(write(creek_table()[["rain", "level"]], tmp_path))
    (tmp_path / "empty.csv").write_text("stamp,level\n")
    with pytest.raises(InputError, match="no row"):
        guess(tmp_path / "empty.csv")


def test_repeated_stamps_that_nothing_tells_apart_are_told(tmp_path: Path) -> None:
    table = creek_table(300)
    with pytest.raises(InputError, match="more than once"):
        guess(write(pd.concat([table, table]), tmp_path))
