import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import InputError
from serving.batch.rows import rows_schema, table_keys
from serving.batch.sink import open_sink

HOUR = 3_600_000_000
START = 1_767_225_600_000_000


def rows(keys, version: int = 1, value: float = 1.23, members=("first",)) -> pa.Table:
    """A row for each (series, hour, horizon)."""
    schema, keys = rows_schema(members), list(keys)
    values = {
        "model": ["river"] * len(keys),
        "version": [version] * len(keys),
        "series": [series for series, _, _ in keys],
        "origin": [START + hour * HOUR for _, hour, _ in keys],
        "horizon": [horizon for _, _, horizon in keys],
        "time": [START + (hour + horizon) * HOUR for _, hour, horizon in keys],
        "at": [START] * len(keys),
    }
    figures = {name: np.full(len(keys), value, np.float32) for name in schema.names if name not in values}
    return pa.table([pa.array({**values, **figures}[field.name], field.type) for field in schema], schema=schema)


def test_rows_come_back_as_they_were_given(place, rows_in):
    sink = open_sink(place, "forecasts")
    assert sink.add(rows([("a", 0, 1), ("a", 0, 3), ("b", 7, 1)])) == 3
    sink.close()
    back = rows_in(place)
    assert back[["series", "horizon"]].to_numpy().tolist() == [["a", 1], ["a", 3], ["b", 1]]
    assert back["origin"].tolist() == [pd.Timestamp("2026-01-01T00", tz="UTC")] * 2 + [
        pd.Timestamp("2026-01-01T07", tz="UTC")
    ]
    assert back["forecast"].tolist() == pytest.approx([1.23] * 3)
    assert set(back["model"]) == {"river"}
    assert set(back["version"]) == {1}


def test_a_row_that_is_there_stays_as_it_is(place, rows_in):
    sink = open_sink(place, "forecasts")
    sink.add(rows([("a", 0, 1)], value=1.0))
    assert sink.add(rows([("a", 0, 1), ("b", 0, 1)], value=2.0)) == 1
    assert open_sink(place, "forecasts").add(rows([("b", 0, 1)], value=3.0)) == 0
    assert rows_in(place)["forecast"].tolist() == [1.0, 2.0]


def test_each_version_has_its_own_rows_and_members(place, rows_in):
    sink = open_sink(place, "forecasts")
    sink.add(rows([("a", 0, 1)], version=1, members=("first",)))
    assert sink.add(rows([("a", 0, 1)], version=2, members=("first", "third member"))) == 1
    back = rows_in(place)
    assert back["version"].tolist() == [1, 2]
    assert np.isnan(back["member_third member"][0])
    assert back["member_third member"][1] == pytest.approx(1.23)


def test_keys_are_those_of_the_version_at_the_origins(place):
    sink = open_sink(place, "forecasts")
    assert sink.keys("river", 1, {START}) == set()
    sink.add(rows([("a", 0, 1), ("a", 1, 1)]))
    sink.add(rows([("b", 0, 3)], version=2))
    assert sink.keys("river", 1, {START}) == {("a", START, 1)}
    assert sink.keys("river", 1, {START, START + HOUR}) == {("a", START, 1), ("a", START + HOUR, 1)}
    assert sink.keys("river", 2, {START}) == {("b", START, 3)}
    assert sink.keys("lake", 1, {START}) == set()
    assert sink.keys("river", 1, set()) == set()


def test_thousands_of_origins_can_be_asked_for_at_once(place):
    sink = open_sink(place, "forecasts")
    keys = [("a", hour, 1) for hour in range(3000)]
    sink.add(rows(keys))
    assert len(sink.keys("river", 1, {START + hour * HOUR for hour in range(3000)})) == 3000


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sets(st.tuples(st.sampled_from(["a", "b", "ü'\"; --"]), st.integers(0, 3), st.sampled_from([1, 3]))),
        max_size=6,
    )
)
@pytest.mark.parametrize("kind", ["folder", "file", "sqlite"])
def test_whatever_overlaps_each_key_is_there_once(tmp_path_factory, kind, batches):
    folder = tmp_path_factory.mktemp("sink")
    place = {"folder": f"{folder}/out", "file": f"{folder}/out.parquet", "sqlite": f"sqlite:///{folder}/out.db"}[kind]
    sink = open_sink(place, "forecasts")
    written = sum(sink.add(rows(batch)) for batch in batches)
    wanted = set().union(*batches)
    assert written == len(wanted)
    everything = sink.keys("river", 1, {START + hour * HOUR for hour in range(4)})
    assert everything == {(series, START + hour * HOUR, horizon) for series, hour, horizon in wanted}
    sink.close()
    if kind == "folder" and wanted:
        files = sorted(Path(place).glob("*.parquet"))
        assert sum(pq.read_metadata(file).num_rows for file in files) == len(wanted)


def test_a_folder_opens_no_file_whose_name_says_that_it_holds_other_rows(tmp_path):
    sink = open_sink(str(tmp_path / "out"), "")
    sink.add(rows([("a", 0, 1)]))
    old = next((tmp_path / "out").glob("*.parquet"))
    old.write_bytes(b"not read any more")
    assert sink.add(rows([("a", 1, 1)])) == 1
    with pytest.raises(InputError, match="is no Parquet file"):
        sink.add(rows([("b", 0, 1)]))


def test_files_that_were_merged_by_someone_still_count(tmp_path):
    folder = tmp_path / "out"
    sink = open_sink(str(folder), "")
    sink.add(rows([("a", 0, 1)]))
    next(folder.glob("*.parquet")).rename(folder / "merged.parquet")
    assert sink.add(rows([("a", 0, 1), ("a", 0, 3)])) == 1


def test_what_a_killed_writer_left_aside_is_removed(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / ".river-v1-x.parquet.tmp").write_bytes(b"half")
    open_sink(str(folder), "").add(rows([("a", 0, 1)]))
    assert sorted(path.suffix for path in folder.iterdir()) == ["", ".parquet"]


def test_the_rows_of_a_folder_are_one_table_for_other_readers(tmp_path):
    sink = open_sink(str(tmp_path / "out"), "")
    sink.add(rows([("a", 0, 1)]))
    sink.add(rows([("a", 1, 1)]))
    assert table_keys(pq.read_table(tmp_path / "out")) == [("a", START, 1), ("a", START + HOUR, 1)]


@pytest.mark.parametrize(
    ("out", "table", "problem"),
    [
        ("", "forecasts", "is empty"),
        ("out.csv", "forecasts", "rows are written as Parquet"),
        ("mysql://host/db", "forecasts", "can't be written to mysql"),
        ("sqlite:///nowhere/at/all.db", "forecasts", "unable to open database file"),
        ("sqlite:///x.db", "a.b.c", "is no name of a table"),
        ("sqlite:///x.db", "", "is no name of a table"),
        ("postgresql+psycopg2://user:secret@host/db", "forecasts", "driver can't be loaded"),
    ],
)
def test_places_that_can_not_be_written_to_are_input_errors(tmp_path, monkeypatch, out, table, problem):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=problem) as error:
        open_sink(out, table)
    assert "secret" not in str(error.value)


def test_a_parquet_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "readings.parquet"
    pd.DataFrame({"time": [1], "level": [2.0]}).to_parquet(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="holds no forecasts"):
        open_sink(str(path), "").add(rows([("a", 0, 1)]))
    assert path.read_bytes() == before


def test_a_table_without_our_primary_key_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("create table forecasts (model text, series text)")
    connection.close()
    with pytest.raises(InputError, match="rows could be written twice"):
        open_sink(f"sqlite:///{tmp_path / 'x.db'}", "forecasts")


@pytest.mark.parametrize("name", ["forecasts", 'odd "name"; drop'])
def test_tables_may_have_any_name(tmp_path, name):
    sink = open_sink(f"sqlite:///{tmp_path / 'x.db'}", name)
    assert sink.add(rows([("a", 0, 1)])) == 1
    assert sink.add(rows([("a", 0, 1), ("a", 1, 1)], members=("first", "new"))) == 1
    sink.close()
