from __future__ import annotations

from dataclasses import asdict

import keras
import numpy as np
import pytest

from components.dataset.rules import evaluate, parse_rule
from components.preprocess.series import Series
from components.preprocess.windows import gather_windows, origins
from components.train.layers import Compress, LastRows, Normalise, PointAndBand, Rules
from components.train.network import step_ratios
from components.train.ridge import Layout, features
from components.train.task import Task


def _windows(series: Series, task: Task, count: int = 64) -> np.ndarray:
    return gather_windows(series.values, origins(series, "test", task.window, task.horizons)[:count], task.window)


def test_layers_make_the_features_that_ridge_is_fitted_on(series: Series, task: Task, layout: Layout) -> None:
    windows = _windows(series, task)
    scaled = Normalise(task.center, task.scale, task.calendar)(windows)
    compressed = Compress(step_ratios(task))(scaled)
    ours = np.concatenate([np.asarray(scaled), np.asarray(compressed)], axis=-1)
    np.testing.assert_allclose(
        ours[:, 1:], features(task, windows, np.ones(len(windows)), layout), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    "rule",
    [
        {"when": "rain > 1 and level > 0.2", "steps": 1, "low": 1.5, "high": None, "add": None},
        {"when": "rain == 0 or not level > 1", "steps": 3, "low": None, "high": 0.1, "add": None},
        {"when": "level > rain", "steps": 2, "low": None, "high": None, "add": -0.25},
    ],
)
def test_rules_in_the_graph_equal_rules_in_numpy(series: Series, task: Task, rule: dict[str, object]) -> None:
    windows = _windows(series, task, 200)
    forecast = np.random.default_rng(0).normal(size=(len(windows), 2, 3)).astype(np.float32)
    columns = {name: windows[..., index] for index, name in enumerate(task.inputs)}
    held = evaluate(parse_rule(str(rule["when"])), columns.__getitem__, np)[:, -int(str(rule["steps"])) :].all(axis=1)
    assert 0 < held.sum() < len(held)
    bounded = {"low": np.maximum, "high": np.minimum, "add": np.add}
    name = next(key for key in bounded if rule[key] is not None)
    expected = np.where(held[:, None, None], bounded[name](forecast, np.float32(rule[name])), forecast)
    ours = np.asarray(Rules(task.inputs, [rule])(forecast, windows))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_rules_survive_the_model_file(task: Task, tmp_path) -> None:  # type: ignore[no-untyped-def]
    window, forecast = keras.Input((task.window, 3)), keras.Input((2, 3))
    model = keras.Model([forecast, window], Rules(task.inputs, [asdict(rule) for rule in task.rules])(forecast, window))
    model.save(tmp_path / "rules.keras")
    again = keras.models.load_model(tmp_path / "rules.keras")
    given = [np.zeros((2, 2, 3), np.float32), np.full((2, task.window, 3), 9.0, np.float32)]
    np.testing.assert_array_equal(again.predict_on_batch(given), np.full((2, 2, 3), 0.4, np.float32))


def test_quantiles_never_cross_and_point_stays_free() -> None:
    head = np.random.default_rng(1).normal(size=(500, 6)).astype(np.float32) * 5
    band = np.asarray(PointAndBand()(head, np.zeros((500, 2), np.float32)))
    assert (band[..., 1] <= band[..., 2]).all()
    assert (band[..., 0] < band[..., 1]).any()
    assert (band[..., 0] > band[..., 2]).any()


def test_last_rows_are_the_newest() -> None:
    rows = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    np.testing.assert_array_equal(np.asarray(LastRows(2)(rows)), rows[:, -2:])
