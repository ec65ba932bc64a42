from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from components.train import registry
from components.train.registry import DEFAULT_MEMBERS
from pipelines.cli.members import asked_members
from pipelines.run.readings_size import rows_of

READINGS = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=40, freq="min"), "level": range(40)})


def _csv(path: Path, rows: int = 40) -> str:
    READINGS[:rows].to_csv(path, index=False)
    return str(path)


def test_rows_of_a_text_are_its_lines_but_the_first(tmp_path: Path) -> None:
    assert rows_of(_csv(tmp_path / "readings.csv")) == 40
    assert rows_of(_csv(tmp_path / "readings.CSV.gz")) == 40
    (tmp_path / "open.tsv").write_text("time\tlevel\n2026-01-01\t1\n2026-01-02\t2")
    assert rows_of(str(tmp_path / "open.tsv")) == 2
    (tmp_path / "empty.csv").write_text("")
    assert rows_of(str(tmp_path / "empty.csv")) == 0


def test_rows_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.run.readings_size._BLOCK_BYTES", 7)
    assert rows_of(_csv(tmp_path / "readings.csv")) == 40


def test_rows_of_parquet_are_those_of_its_metadata(tmp_path: Path) -> None:
    READINGS.to_parquet(tmp_path / "readings.parquet")
    assert rows_of(str(tmp_path / "readings.parquet")) == 40


def test_rows_of_a_folder_are_those_of_all_its_tables(tmp_path: Path) -> None:
    _csv(tmp_path / "a.csv", rows=10)
    READINGS.to_parquet(tmp_path / "b.parquet")
    (tmp_path / "notes.md").write_text("one\ntwo\n")
    (tmp_path / "older").mkdir()
    assert rows_of(str(tmp_path)) == 50


def test_what_is_not_cheap_to_count_is_unknown(tmp_path: Path) -> None:
    READINGS.to_excel(tmp_path / "readings.xlsx", index=False)
    (tmp_path / "broken.parquet").write_text("no parquet")
    (tmp_path / "broken.csv.gz").write_text("no gzip")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"time,level\n1,2\n" * 500)[:-20])
    names = ("readings.xlsx", "broken.parquet", "broken.csv.gz", "cut.csv.gz", "absent.csv")
    for data in (*(str(tmp_path / name) for name in names), None, "sqlite:///readings.db"):
        assert rows_of(data) is None, data


def test_by_default_patchtst_is_trained_on_many_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LARGE_ROWS", 40)
    assert set(asked_members(None, _csv(tmp_path / "many.csv"))) == {*DEFAULT_MEMBERS, "patchtst"}
    assert asked_members(None, _csv(tmp_path / "few.csv", rows=39)) == DEFAULT_MEMBERS
    assert asked_members(None) == DEFAULT_MEMBERS


def test_named_members_are_those_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LARGE_ROWS", 1)
    assert asked_members(" linear, rule_based,", _csv(tmp_path / "readings.csv")) == ("linear", "rule_based")
