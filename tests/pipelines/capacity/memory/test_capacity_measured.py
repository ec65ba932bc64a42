"""What was compiled and observed is kept by what it is a figure of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from components.errors import InputError
from pipelines.capacity.memory.measured import Measured, Measurements, Wanted
from pipelines.capacity.memory.members import Setting
from pipelines.capacity.memory.subject import Subject

WANTED = Wanted(Subject("rule_based", Setting(window=24)), "compiled", 32)
FIGURE = Measured(12_000_000, "XLA for CPUs", "2026-11-21T14:45:00+00:00")


def test_a_figure_is_found_again_and_only_for_what_it_is_of(tmp_path: Path) -> None:
    kept = Measurements(tmp_path / "measured")
    assert kept.find(WANTED) is None
    kept.keep(WANTED, FIGURE)
    assert kept.find(WANTED) == FIGURE
    others = [
        replace(WANTED, batch=64),
        replace(WANTED, column="observed"),
        replace(WANTED, subject=replace(WANTED.subject, optimizer="sgd")),
        replace(WANTED, subject=replace(WANTED.subject, member="stacked_lstm")),
        replace(WANTED, subject=replace(WANTED.subject, setting=Setting(window=25))),
    ]
    assert [kept.find(each) for each in others] == [None] * len(others)


def test_a_model_is_known_by_what_its_file_holds(tmp_path: Path) -> None:
    kept, path = Measurements(tmp_path), tmp_path / "own.keras"
    path.write_bytes(b"one")
    wanted = Wanted(Subject(model=str(path)), "compiled", 32)
    kept.keep(wanted, FIGURE)
    moved = path.rename(tmp_path / "moved.keras")
    assert kept.find(Wanted(Subject(model=str(moved)), "compiled", 32)) == FIGURE
    path.write_bytes(b"two")
    assert kept.find(wanted) is None


def test_a_damaged_figure_is_none(tmp_path: Path) -> None:
    kept = Measurements(tmp_path)
    kept.keep(WANTED, FIGURE)
    (file,) = tmp_path.iterdir()
    file.write_text('{"bytes": 12')
    assert kept.find(WANTED) is None


def test_a_folder_that_can_not_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "measured").write_text("a file")
    with pytest.raises(InputError, match="can't be written"):
        Measurements(tmp_path / "measured").keep(WANTED, FIGURE)
