from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from pipelines.capacity.duration.history import epochs_to_best, past_trainings, stated_epochs


def write(folder: Path, run: str, losses: dict[int, float], **changed: Any) -> None:
    """A member's file as the train step writes it, with a validation loss by step."""
    facts = {
        "name": "stacked_lstm",
        "mode": "windows",
        "device": "AMD EPYC, 2 threads",
        "steps": max(losses, default=0),
        "targets_per_second": 400.0,
        "recipe": {"chunks": 16, "windows": 64, "patience": 2},
        "history": [{"step": step, "validation_loss": loss} for step, loss in losses.items()],
    }
    path = folder / run / "train" / "member.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(facts | changed))


def test_a_training_ends_with_the_lowest_error_and_says_whether_it_waited(tmp_path: Path) -> None:
    write(tmp_path, "patient", {0: 0.9, 100: 0.4, 200: 0.5, 300: 0.6})
    write(tmp_path, "cut", {0: 0.9, 100: 0.4, 200: 0.3})
    cut, patient = past_trainings(tmp_path)
    assert (patient.best_step, patient.ended_by_patience) == (100, True)
    assert (cut.best_step, cut.ended_by_patience) == (200, False)
    assert patient.device == "AMD EPYC, 2 threads"


def test_a_chunk_counts_as_many_windows_as_it_scores_rows(tmp_path: Path) -> None:
    write(tmp_path, "a", {0: 0.9, 50: 0.4}, mode="chunks")
    write(tmp_path, "b", {0: 0.9, 50: 0.4})
    chunks, windows = past_trainings(tmp_path)
    assert chunks.windows_to_best(100) == 50 * 16 * 100
    assert windows.windows_to_best(100) == 50 * 64


def test_passes_to_the_lowest_error_span_all_earlier_trainings(tmp_path: Path) -> None:
    write(tmp_path, "a", {0: 0.9, 1000: 0.4})
    write(tmp_path, "b", {0: 0.9, 3000: 0.4, 3100: 0.5, 3200: 0.5})
    write(tmp_path, "c", {0: 0.9, 9000: 0.4}, name="patchtst")
    epochs = epochs_to_best(past_trainings(tmp_path), "stacked_lstm", rows=64_000, window=100)
    assert (epochs.passes.low, epochs.passes.high) == (1.0, 3.0)
    assert "2 earlier trainings" in epochs.basis
    assert "1 of which ended by the clock" in epochs.basis


def test_a_longer_table_needs_fewer_passes(tmp_path: Path) -> None:
    write(tmp_path, "a", {0: 0.9, 1000: 0.4})
    known = past_trainings(tmp_path)
    short, long = (epochs_to_best(known, "stacked_lstm", rows, 100).passes.low for rows in (10_000, 20_000))
    assert long == short / 2


def test_files_that_say_too_little_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "linear", {}, name="linear", mode="ridge")
    write(tmp_path, "old", {0: 0.9, 10: 0.4}, recipe=None)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "member.json").write_text("{")
    assert past_trainings(tmp_path) == ()


def test_a_member_without_a_past_asks_for_its_epochs(tmp_path: Path) -> None:
    write(tmp_path, "worse", {0: 0.4, 10: 0.9})
    with pytest.raises(InputError, match="state its epochs"):
        epochs_to_best(past_trainings(tmp_path), "stacked_lstm", 1000, 100)


def test_a_folder_that_isnt_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        past_trainings(tmp_path / "none")


def test_stated_epochs_name_who_states_them() -> None:
    epochs = stated_epochs(10.0, "our own experience")
    assert epochs.passes.is_exact
    assert "our own experience" in epochs.basis
    with pytest.raises(InputError, match="train nothing"):
        stated_epochs(0.0, "nobody")
