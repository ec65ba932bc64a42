import gzip
import sqlite3
import sys

import numpy as np
import openpyxl
import pandas as pd
import pytest

from components.dataset.schema import Query
from components.errors import InputError
from components.ingest import csv_tables
from components.ingest.csv_tables import sniff_delimiter
from components.ingest.read import read_tables


def cells(location, columns=None):
    frames = [table.frame.astype(object) for table in read_tables(str(location), columns) if len(table.frame)]
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("utf-8", "수위"), ("utf-8-sig", "수위"), ("cp949", "수위"), ("utf-16", "수위"), ("cp949", "강우량(㎜)")],
)
def test_every_encoding_gives_the_same_names(csv_file, encoding, text):
    path = csv_file(f"time,{text}\n2024-01-01,1\n", encoding=encoding)
    assert list(cells(path).columns) == ["time", text]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(csv_file, table, delimiter):
    frame = cells(csv_file(table.replace(",", delimiter)))
    assert frame["rain"].tolist() == ["0", "0.2", "0.1"]


def test_a_delimiter_within_quotes_parts_nothing():
    assert sniff_delimiter('"a,b,c";d;e') == ";"


def test_a_gzip_file_is_read_as_it_is(tmp_path, table):
    path = tmp_path / "readings.csv.gz"
    path.write_bytes(gzip.compress(table.encode()))
    assert cells(path)["level"].tolist() == ["1.5", "1.6", "1.7"]


def test_cells_are_untouched_text(csv_file):
    frame = cells(csv_file('time,level\n2024-01-01,NA\n2024-01-02," 1,5"\n2024-01-03,\n'))
    assert frame["level"].tolist() == ["NA", " 1,5", ""]


def test_short_rows_are_filled_and_long_ones_rejected_with_their_numbers(csv_file):
    path = csv_file("a,b\n1,2\n3\n\n4,5,6\n7,8\n9,10,,\n")
    tables = list(read_tables(str(path)))
    placed = {row: value for table in tables for row, value in zip(table.rows, table.frame["b"], strict=True)}
    assert placed == {1: "2", 2: "", 4: "8", 5: "10"}
    assert [(torn.row, torn.text) for table in tables for torn in table.rejected] == [(3, "4,5,6")]


def test_row_numbers_go_on_over_the_pieces_of_a_large_file(csv_file, monkeypatch):
    monkeypatch.setattr(csv_tables, "BLOCK_BYTES", 500)
    lines = [f"{row},x" if row % 7 else f"{row}" for row in range(1, 400)]
    tables = list(read_tables(str(csv_file("a,b\n" + "\n".join(lines) + "\n"))))
    assert len(tables) > 5
    placed = [(int(row), value) for table in tables for row, value in zip(table.rows, table.frame["a"], strict=True)]
    assert sorted(placed) == [(row, str(row)) for row in range(1, 400)]


def test_a_line_break_in_a_quoted_cell_parts_no_row(csv_file):
    assert cells(csv_file('a,b\n1,"x\ny"\n2,z\n'))["b"].tolist() == ["x\ny", "z"]


def test_an_excel_sheet_with_the_wanted_columns_is_found(tmp_path):
    workbook = openpyxl.Workbook()
    workbook.active.append(["about this file"])
    sheet = workbook.create_sheet("data")
    sheet.append([None])
    sheet.append(["time", "level", "rain"])
    sheet.append([pd.Timestamp("2024-01-01").to_pydatetime(), 1.5, "-"])
    workbook.save(tmp_path / "readings.xlsx")
    frame = cells(tmp_path / "readings.xlsx", ["time", "level"])
    assert frame["level"].tolist() == [1.5]
    assert frame["time"].tolist() == [pd.Timestamp("2024-01-01")]


def test_a_folder_of_mixed_files_is_read_in_the_order_of_names(tmp_path, table):
    (tmp_path / "2.csv").write_text(table)
    pd.DataFrame({"time": ["2023-12-31"], "level": [1.0], "rain": [0.0]}).to_parquet(tmp_path / "1.parquet")
    (tmp_path / "notes.md").write_text("no table")
    assert [table.source for table in read_tables(str(tmp_path))] == ["1.parquet", "2.csv"]


def test_parquet_keeps_its_types(tmp_path):
    pd.DataFrame({"time": pd.date_range("2024", periods=3), "level": np.array([1, 2, 3], dtype="int32")}).to_parquet(
        tmp_path / "readings.parquet"
    )
    (table,) = read_tables(str(tmp_path / "readings.parquet"))
    assert table.frame["level"].dtype.kind == "i"
    assert table.frame["time"].iloc[2] == pd.Timestamp("2024-01-03")


def test_a_query_gives_its_rows(tmp_path):
    path = tmp_path / "readings.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table readings (time text, level real)")
        connection.executemany("insert into readings values (?, ?)", [("2024-01-01", 1.5), ("2024-01-02", None)])
    query = Query(url=f"sqlite:///{path}", query="select time, level from readings order by time")
    (table,) = read_tables(query)
    assert table.frame["level"].tolist() == [1.5, None]


@pytest.mark.parametrize(
    ("name", "text", "problem", "fix"),
    [
        ("empty.csv", "", "empty", "header"),
        ("blank.csv", "\n \n", "empty", "header"),
        ("readings.doc", "x", "'.doc'", ".csv.gz"),
        ("broken.csv.gz", "no gzip", "can't be read as CSV", "whole"),
        ("broken.parquet", "no parquet", "Parquet", "whole"),
        ("empty.parquet", "", "empty", "Parquet"),
        ("broken.xlsx", "no workbook", "Excel", ".xlsx"),
        ("other.csv", "time,levle,rain\n", "no column 'level'", "did you mean 'levle'"),
        ("case.csv", "time,Level,rain\n", "no column 'level'", "did you mean 'Level'"),
        ("twice.csv", "time,level,level\n", "twice", "rename"),
    ],
)
def test_a_file_that_cant_be_read_is_named_with_a_fix(csv_file, name, text, problem, fix):
    path = csv_file(text, name)
    with pytest.raises(InputError) as caught:
        list(read_tables(str(path), ["time", "level"]))
    assert name in caught.value.where
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_a_file_that_isnt_there_is_named_with_the_nearest(csv_file, table):
    path = csv_file(table, "readings.csv")
    with pytest.raises(InputError, match="no such file") as caught:
        list(read_tables(str(path.with_name("reading.csv"))))
    assert "readings.csv" in caught.value.fix


@pytest.mark.parametrize(
    ("url", "query", "problem"),
    [
        ("sqlite:///nowhere.db", "select 1", "no such SQLite file"),
        ("sqlite://", "select * from absent", "no such table: absent"),
        ("sqlite://", "select 1 as time", "no column 'level'"),
        ("nonsense://user:secret@host/db", "select 1", "driver"),
    ],
)
def test_a_database_that_cant_be_read_is_named_without_its_password(url, query, problem):
    with pytest.raises(InputError) as caught:
        list(read_tables(Query(url=url, query=query), ["time", "level"]))
    assert problem in caught.value.problem
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "location", "extra"),
    [
        ("openpyxl", "readings.xlsx", "sluice[excel]"),
        ("sqlalchemy", Query(url="sqlite://", query="select 1"), "sluice[sql]"),
    ],
)
def test_a_missing_extra_is_named(tmp_path, monkeypatch, module, location, extra):
    monkeypatch.setitem(sys.modules, module, None)
    if isinstance(location, str):
        (tmp_path / location).write_bytes(b"PK")
        location = str(tmp_path / location)
    with pytest.raises(InputError) as caught:
        list(read_tables(location))
    assert extra in caught.value.fix


def test_a_database_without_a_query_is_refused_without_its_password():
    with pytest.raises(InputError, match="query") as caught:
        list(read_tables("postgresql://user:secret@host/db"))
    assert "secret" not in str(caught.value)
