from __future__ import annotations

import json
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


def test_an_unknown_member_is_an_input_error(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="stacked_lstm"):
        _train(dataset, series_folder, "lstm", tmp_path / "lstm")
