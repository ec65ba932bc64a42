from __future__ import annotations

import json
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from components.dataset.schema import Dataset
from components.errors import InputError
from components.journal import Journal, read_events
from components.preprocess.series import Series
from components.preprocess.windows import gather_targets, origins
from components.train.sampling import window_inputs
from components.train.step import MemberSummary, TrainRequest, train_member
from components.train.task import Task
from components.train.window_share import Timetable


def _train(dataset: Dataset, folder: Path, member: str, out: Path, budget_seconds: float = 3.0) -> MemberSummary:
    request = TrainRequest(dataset, folder, member, budget_seconds, 1, out.parent, out)
    return train_member(request, Journal(str(out.parent), f"train {member}"))


@pytest.mark.parametrize("member", ["linear", "rule_based", "spike_detector"])
def test_a_member_folder_holds_model_forecasts_and_facts(
    member: str, dataset: Dataset, series: Series, series_folder: Path, task: Task, tmp_path: Path
) -> None:
    summary = _train(dataset, series_folder, member, tmp_path / member)
    facts = json.loads((tmp_path / member / "member.json").read_text())
    assert facts["name"] == member
    assert facts["parameters"] == summary.parameters > 0
    assert facts["device"]
    if member != "linear":
        assert facts["rows_per_second"] > 0
        assert facts["targets_per_second"] > 0
        assert 0 <= facts["waiting_share"] < 1
        assert facts["micro_batch"] > 0
    assert set(facts["modes_tried"]) <= {"chunks", "windows", "ridge"}
    model = keras.models.load_model(tmp_path / member / "model.keras")
    with np.load(tmp_path / member / "forecasts.npz") as stored:
        forecasts = dict(stored)
    assert ("test_spike" in forecasts) == (member == "spike_detector")
    for part in ("validation", "test"):
        rows = origins(series, part, task.window, task.horizons)
        np.testing.assert_array_equal(forecasts[f"{part}_origins"], rows)
        answer = model.predict_on_batch(window_inputs(series, task, rows[:7]))["forecast"]
        np.testing.assert_allclose(forecasts[part][:7], answer, rtol=1e-5, atol=1e-5)
    error = forecasts["test"][..., 0] - gather_targets(series, forecasts["test_origins"], task.horizons)
    assert summary.test_rmse == pytest.approx(float(np.sqrt(np.nanmean(error**2))), rel=1e-5)


def test_progress_tells_the_error_beside_persistence(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    _train(dataset, series_folder, "rule_based", tmp_path / "rule_based")
    told = [event["text"] for event in read_events(str(tmp_path))[0] if event["event"] == "progress"]
    assert any("RMSE" in text and "persistence" in text for text in told)


def test_a_network_beats_the_last_value_and_is_no_worse_than_its_start(
    dataset: Dataset, series: Series, series_folder: Path, task: Task, tmp_path: Path
) -> None:
    summary = _train(dataset, series_folder, "rule_based", tmp_path / "rule_based", budget_seconds=6.0)
    rows = origins(series, "test", task.window, task.horizons)
    still = gather_targets(series, rows, task.horizons) - series.values[rows, 0, None]
    assert summary.test_rmse < 0.9 * float(np.sqrt(np.nanmean(still**2)))
    history = json.loads((tmp_path / "rule_based" / "member.json").read_text())["history"]
    assert min(line["validation_loss"] for line in history) <= history[0]["validation_loss"]


def test_a_member_whose_time_is_over_gives_its_linear_start(
    dataset: Dataset, series_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "stacked_lstm"
    request = TrainRequest(
        dataset, series_folder, "stacked_lstm", 600.0, 1, tmp_path, out, deadline=1000.0, clock=lambda: 995.0
    )
    summary = train_member(request, Journal(str(tmp_path), "train stacked_lstm"))
    assert summary.name == "stacked_lstm"
    assert summary.mode == "ridge"
    assert summary.seconds < 60
    assert summary.cut_seconds > 590
    assert summary.steps == 0
    notes = [event["text"] for event in read_events(str(tmp_path))[0] if event["event"] == "note"]
    assert any("the deadline leaves 0 s" in note for note in notes)
    linear = _train(dataset, series_folder, "linear", tmp_path / "linear")
    assert summary.test_rmse == pytest.approx(linear.test_rmse)


def test_a_member_stops_in_time_for_the_deadline(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    now = time.time()
    (tmp_path / "journal.jsonl").write_text(
        "".join(
            json.dumps({"step": step, "event": event, "at": 0.0}) + "\n"
            for step in ("ensemble", "validate")
            for event in ("started", "finished")
        )
    )
    # The steps after training are taken for four starts of processes, 20 s.
    deadline = now + 20 + 25
    timetable = Timetable((("rule_based", 300.0), ("linear", 15.0)), at_once=1)
    out = tmp_path / "rule_based"
    request = TrainRequest(
        dataset, series_folder, "rule_based", 300.0, 1, tmp_path, out, deadline=deadline, timetable=timetable
    )
    summary = train_member(request, Journal(str(tmp_path), "train rule_based"))
    assert summary.mode in ("chunks", "windows")
    assert summary.steps > 0
    assert summary.seconds < 25 + 5
    assert 250 < summary.cut_seconds < 300


def test_bits_that_are_to_be_the_same_need_steps(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    request = TrainRequest(dataset, series_folder, "linear", 5.0, 1, None, tmp_path / "linear", deterministic=True)
    with pytest.raises(InputError, match="steps"):
        train_member(request, Journal("", "train linear"))


def test_an_unknown_member_is_an_input_error(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="stacked_lstm"):
        _train(dataset, series_folder, "lstm", tmp_path / "lstm")
