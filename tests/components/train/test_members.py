from __future__ import annotations

import importlib
from pathlib import Path

import keras
import numpy as np
import pytest

from components.preprocess.series import Series
from components.preprocess.windows import origins
from components.train.loop import Trainer
from components.train.members import linear
from components.train.network import Mode, Start, assemble
from components.train.recipe import Recipe
from components.train.registry import MEMBERS
from components.train.ridge import changes, fit_ridge, forecast_changes, row_layout
from components.train.sampling import sampler_of, window_inputs
from components.train.scoring import Asker, Scorer
from components.train.start import start_of
from components.train.task import Task

NETWORKS = [name for name in MEMBERS if name != "linear"]
WAYS = [*((name, "chunks" if MEMBERS[name].causal else "windows") for name in NETWORKS), ("rule_based", "windows")]


def _trainer(member: str, mode: Mode, series: Series, task: Task, start: Start) -> Trainer:
    keras.utils.set_random_seed(0)
    networks = assemble(task, importlib.import_module(MEMBERS[member].module).parts(task), start, mode)
    scorer = Scorer(series, task, start.ridge)
    return Trainer(networks, task, sampler_of(series, task, start, networks), scorer, Recipe(windows=8, chunks=2), 0)


@pytest.mark.parametrize(("member", "mode"), WAYS)
def test_a_member_trains_saves_and_answers_equally(
    member: str, mode: Mode, series: Series, task: Task, start: Start, tmp_path: Path
) -> None:
    trainer = _trainer(member, mode, series, task, start)
    before = trainer.model.get_weights()
    trainer.step(1e-3)
    assert any((now != then).any() for now, then in zip(trainer.model.get_weights(), before, strict=True))
    trainer.networks.serving.save(tmp_path / "model.keras")
    given = window_inputs(series, task, origins(series, "test", task.window, task.horizons)[:5])
    ours = trainer.networks.serving.predict_on_batch(given)
    theirs = keras.models.load_model(tmp_path / "model.keras").predict_on_batch(given)
    assert ours["forecast"].shape == (5, 2, 3)
    assert set(ours) == ({"forecast", "spike"} if member == "spike_detector" else {"forecast"})
    for name, answer in ours.items():
        np.testing.assert_allclose(theirs[name], answer, rtol=1e-6, atol=1e-6)


def test_an_untrained_network_is_the_linear_forecast(series: Series, task: Task, start: Start) -> None:
    trainer = _trainer("stacked_lstm", "windows", series, task, start)
    rows = origins(series, "test", task.window, task.horizons)[:40]
    expected = series.values[rows, 0, None] + forecast_changes(series, task, start.ridge, rows)
    np.testing.assert_allclose(trainer.asker(rows)["forecast"][..., 0], expected, atol=1e-4)


def test_a_chunk_answers_at_its_end_as_a_window_with_its_history(series: Series, task: Task, start: Start) -> None:
    # Both see the same rows: a chunk whose state begins where the window does.
    trainer = _trainer("stacked_lstm", "chunks", series, task, start)
    for _ in range(3):
        trainer.step(1e-3)
    batch = trainer.sampler.draw(np.random.default_rng(0), 4)
    chunk = trainer.networks.training.predict_on_batch(batch.inputs)["change"]
    first = trainer.networks.chunk_rows - trainer.networks.scored_rows
    end = task.window - 1
    given = {"window": batch.inputs["window"][:, : task.window], "future": batch.inputs["future"][:, end - first]}
    served = trainer.networks.serving.predict_on_batch(given)["forecast"]
    last = given["window"][:, -1, task.target]
    expected = last[:, None, None] + chunk[:, end - first] * np.asarray(start.scale)[:, None]
    np.testing.assert_allclose(served, expected, rtol=1e-4, atol=1e-4)


def test_causal_members_do_not_look_ahead_in_a_chunk(series: Series, task: Task, start: Start) -> None:
    for member in ("residual_gru", "cnn_lstm"):
        trainer = _trainer(member, "chunks", series, task, start)
        trainer.step(1e-3)
        inputs = trainer.sampler.draw(np.random.default_rng(0), 2).inputs
        before = trainer.networks.training.predict_on_batch(inputs)["change"]
        changed = {**inputs, "window": inputs["window"].copy()}
        changed["window"][:, -1] += 5.0
        after = trainer.networks.training.predict_on_batch(changed)["change"]
        np.testing.assert_allclose(before[:, :-1], after[:, :-1], atol=1e-6)
        assert (before[:, -1] != after[:, -1]).any()


def test_layers_are_those_stated(task: Task, start: Start) -> None:
    networks = assemble(task, importlib.import_module(MEMBERS["stacked_lstm"].module).parts(task), start, "windows")
    kinds = [(type(layer).__name__, layer.units) for layer in networks.serving.layers if hasattr(layer, "units")]
    assert kinds == [("LSTM", 128), ("LSTM", 128), ("LSTM", 64), ("Dense", 128), ("Dense", 64), ("Dense", 6)]


def test_the_linear_member_answers_as_its_ridge(series: Series, task: Task) -> None:
    start = start_of(series, task, fit_ridge(series, task, row_layout(task)))
    rows = origins(series, "test", task.window, task.horizons)
    answer = Asker(linear.model(series, task, start), series, task)(rows)["forecast"]
    expected = series.values[rows, 0, None] + forecast_changes(series, task, start.ridge, rows)
    np.testing.assert_allclose(answer[..., 0], expected, atol=1e-4)
    actual = series.values[rows, 0, None] + changes(series, task, rows)
    inside = (answer[..., 1] <= actual) & (actual <= answer[..., 2])
    assert 0.8 < inside.mean() < 0.97
