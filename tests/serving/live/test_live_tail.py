"""The last rows of files that are too long to be read whole each time."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.ingest.clean import clean_tables
from components.ingest.read import read_tables
from serving.live import newest as newest_module
from serving.live.newest import HISTORY, newest_readings
from serving.live.source import Source, parse_source
from serving.live.tail import read_tail

COLUMNS = ("time", "level", "rain")


def table(rows: int) -> pd.DataFrame:
    times = pd.date_range("2026-01-01", periods=rows, freq="10min", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    return pd.DataFrame({"time": times, "level": range(rows), "rain": 0.5})


def levels(tail) -> list[str]:
    return [str(value) for one in tail.tables for value in one.frame["level"]]


@pytest.fixture
def long_csv(tmp_path):
    path = tmp_path / "long.csv"
    table(5000).to_csv(path, index=False)
    return path


def test_the_tail_of_a_csv_is_its_last_rows(long_csv):
    tail = read_tail(long_csv, COLUMNS, 2000)
    assert not tail.whole
    assert 30 < len(levels(tail)) < 80
    assert levels(tail) == [str(row) for row in range(5000 - len(levels(tail)), 5000)]


@given(rows=st.integers(1, 60), size=st.integers(1, 3000), end=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=60, deadline=None)
def test_every_tail_is_the_end_of_the_whole(tmp_path_factory, rows, size, end):
    path = tmp_path_factory.mktemp("tail") / "readings.csv"
    table(rows).to_csv(path, index=False, lineterminator=end)
    found = levels(read_tail(path, COLUMNS, size))
    assert found == [str(row) for row in range(rows - len(found), rows)]


def test_a_line_that_is_still_being_written_is_left_out(long_csv):
    with long_csv.open("a") as file:
        file.write("2026-03-01T00:00:00Z,49")
    tail = read_tail(long_csv, COLUMNS, 2000)
    assert tail.torn
    assert levels(tail)[-1] == "4999"


def test_a_parquet_tail_is_its_last_row_groups(tmp_path):
    path = tmp_path / "long.parquet"
    table(5000).to_parquet(path, row_group_size=500)
    tail = read_tail(path, COLUMNS, 6000)
    assert not tail.whole
    assert levels(tail)[-1] == "4999"
    assert len(levels(tail)) < 2500


def test_a_folder_gives_the_files_with_the_last_names(tmp_path):
    for day in range(9):
        table(100).assign(level=day).to_csv(tmp_path / f"2026-01-0{day + 1}.csv", index=False)
    tail = read_tail(tmp_path, COLUMNS, 4000)
    assert set(levels(tail)) == {"7", "8"}


def test_utf16_is_read_whole(tmp_path):
    path = tmp_path / "excel.csv"
    table(300).to_csv(path, index=False, encoding="utf-16")
    assert len(levels(read_tail(path, COLUMNS, 500))) == 300


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_tail(tmp_path / "none.csv", COLUMNS, 500)


def test_a_file_of_other_columns_is_an_input_error(tmp_path, basin):
    path = tmp_path / "other.csv"
    pd.DataFrame({"when": ["2026-01-01"], "speed": [1]}).to_csv(path, index=False)
    with pytest.raises(InputError, match="time"):
        newest_readings(basin, path, HISTORY)


def test_the_newest_readings_are_those_of_the_whole_file(tmp_path, basin, monkeypatch):
    path = tmp_path / "long.csv"
    table(5000).assign(level=[row % 5 for row in range(5000)]).to_csv(path, index=False)
    monkeypatch.setattr(newest_module, "FIRST_BYTES", 500)
    newest = newest_readings(basin, path, pd.Timedelta(hours=3))
    whole = clean_tables(basin, read_tables(str(path))).readings
    assert newest.problem == ""
    assert len(newest.frame) < 300
    assert newest.frame["level"].tolist() == whole["level"].tolist()[-len(newest.frame) :]


def test_rows_that_cannot_be_used_are_named_and_left_out(tmp_path, basin):
    path = tmp_path / "bad.csv"
    lines = table(200).to_csv(index=False).splitlines()
    path.write_text("\n".join([*lines[:-2], "garbage,1,1", *lines[-2:], lines[-1], ""]))
    newest = newest_readings(basin, path, HISTORY)
    assert "1 row among the last can't be used" in newest.problem
    assert newest.frame["time"].is_unique


def test_decimal_commas_are_read(tmp_path, basin):
    path = tmp_path / "semicolons.csv"
    table(50).assign(level=1.25).to_csv(path, index=False, sep=";", decimal=",")
    assert newest_readings(basin, path, HISTORY).frame["level"].tolist()[-1] == 1.25


def test_a_source_names_its_model_or_none(tmp_path):
    assert parse_source("basin=folder/file.csv") == Source(type(tmp_path)("folder/file.csv"), "basin")
    assert parse_source("folder/file.csv").model == ""
    odd = tmp_path / "a=b.csv"
    odd.touch()
    assert parse_source(str(odd)).path == odd
    assert parse_source(None) is None
    for wrong in ("", "postgresql://host/readings"):
        with pytest.raises(InputError, match="--readings"):
            parse_source(wrong)
