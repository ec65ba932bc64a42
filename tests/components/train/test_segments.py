"""Windows read in segments, and panels whose series differ in size."""

from __future__ import annotations

import dataclasses
import importlib

import keras
import numpy as np
import pytest

from components.dataset.schema import Column, Dataset
from components.preprocess.series import Scaler, Series, Span
from components.preprocess.windows import origins
from components.train.loop import Trainer
from components.train.members import linear
from components.train.network import assemble
from components.train.recipe import recipe_of
from components.train.registry import MEMBERS
from components.train.ridge import changes, fit_ridge, forecast_changes, start_layout
from components.train.sampling import sampler_of
from components.train.scales import least_unit
from components.train.scoring import Asker, Scorer
from components.train.seasons import seasonality, segment_rows
from components.train.start import start_of
from components.train.task import Task
from components.train.training import ways_of_training

ROWS = 1200
SIZES = (1.0, 40.0)


def _days(seed: int, size: float, level: float) -> np.ndarray:
    """A day that repeats itself, with noise that lasts a while: [rows]."""
    generator = np.random.default_rng(seed)
    noise = np.zeros(ROWS)
    for row in range(1, ROWS):
        noise[row] = 0.8 * noise[row - 1] + 0.2 * generator.normal()
    hours = np.arange(ROWS) * (2 * np.pi / 24)
    return size * (np.sin(hours) + 0.5 * np.sin(2 * hours) + noise) + level


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset(
        name="loads",
        time="time",
        step="1h",
        series="name",
        columns={"load": Column()},
        calendar=("hour_of_day",),
        target="load",
        window=96,
        horizons=(1, 6, 24),
    )


@pytest.fixture(scope="module")
def series(dataset: Dataset) -> Series:
    """Two series of the same shape, one forty times as large."""
    values = np.concatenate([_days(seed, size, 100 * size) for seed, size in enumerate(SIZES)])
    hours = np.tile(np.arange(ROWS) % 24, len(SIZES))
    table = np.stack([values, hours], axis=1).astype(np.float32)
    stamps = np.datetime64("2024-01-01", "ns") + np.tile(np.arange(ROWS), len(SIZES)) * np.timedelta64(1, "h")
    starts = [index * ROWS for index in range(len(SIZES))]
    return Series(
        values=table,
        stamps=stamps,
        observed=np.ones(len(table), bool),
        usable=np.ones(len(table), bool),
        inputs=dataset.inputs,
        target=0,
        spans=tuple(Span(f"s{start}", start, start + 800, start + 1000, start + ROWS) for start in starts),
        scaler=Scaler(tuple(table.mean(axis=0).tolist()), tuple(table.std(axis=0).tolist())),
        spike_rise=1e9,
        spike_within=4,
        step_seconds=3600,
        season=24,
        digest="loads",
    )


@pytest.fixture(scope="module")
def task(dataset: Dataset, series: Series) -> Task:
    return Task.of(dataset, series)


@pytest.fixture(scope="module")
def ridge(series: Series, task: Task):
    return fit_ridge(series, task, start_layout(task, look_back=6))


def test_a_day_is_a_segment_where_it_repeats_itself_and_the_file_has_the_last_word(series: Series) -> None:
    assert seasonality(series) > 0.5
    assert segment_rows("auto", 96, series) == 24
    assert segment_rows("auto", 95, series) == 1
    assert segment_rows(12, 96, series) == 12
    walk = np.cumsum(np.random.default_rng(0).normal(size=len(series.values))).astype(np.float32)
    wandering = dataclasses.replace(series, values=np.stack([walk, walk], axis=1))
    assert segment_rows("auto", 96, wandering) == 1


def test_series_of_other_sizes_give_windows_a_unit_of_their_own(series: Series, task: Task) -> None:
    assert task.own_unit
    assert least_unit(dataclasses.replace(series, spans=series.spans[:1])) == 0


def test_the_linear_forecast_serves_a_series_of_any_size(series: Series, task: Task, ridge) -> None:
    rows = origins(series, "test", task.window, task.horizons)
    error = forecast_changes(series, task, ridge, rows) - changes(series, task, rows)
    small, large = rows < ROWS, rows >= ROWS
    relative = [np.sqrt(np.mean(error[part] ** 2)) / size for part, size in zip((small, large), SIZES, strict=True)]
    assert relative[0] == pytest.approx(relative[1], rel=0.25)
    assert max(relative) < 0.4


def test_windows_ten_times_as_large_are_forecast_ten_times_as_large(series: Series, task: Task, ridge) -> None:
    start = start_of(series, task, ridge)
    model = linear.model(series, task, start)
    window = np.asarray(series.values[:96][None]).copy()
    larger = window.copy()
    larger[..., 0] = 10 * window[..., 0]
    first = model.predict_on_batch({"window": window})["forecast"][0, :, 0] - window[0, -1, 0]
    second = model.predict_on_batch({"window": larger})["forecast"][0, :, 0] - larger[0, -1, 0]
    np.testing.assert_allclose(second, 10 * first, rtol=0.01, atol=0.01)


def test_every_recurrent_member_reads_segments_and_answers_as_its_start_before_training(
    series: Series, task: Task, ridge
) -> None:
    start = start_of(series, task, ridge)
    rows = origins(series, "test", task.window, task.horizons)[::40]
    expected = series.values[rows, 0, None] + forecast_changes(series, task, ridge, rows)
    for name, entry in MEMBERS.items():
        if name == "linear":
            continue
        parts = importlib.import_module(entry.module).parts(task)
        assert ways_of_training(series, task, parts, start) == ("segments",)
        networks = assemble(task, parts, start, "segments")
        answer = Asker(networks.serving, series, task)(rows)["forecast"][..., 0]
        np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-2)


def test_training_on_segments_improves_on_the_start(series: Series, task: Task, ridge) -> None:
    keras.utils.set_random_seed(0)
    start = start_of(series, task, ridge)
    parts = importlib.import_module(MEMBERS["rule_based"].module).parts(task)
    networks = assemble(task, parts, start, "segments")
    sampler = sampler_of(series, task, start, networks)
    trainer = Trainer(networks, task, sampler, Scorer(series, task, ridge), recipe_of(task.segment), 0)
    batch = sampler.draw(np.random.default_rng(1), 64)
    assert np.isfinite(batch.wanted["change"]).all()
    before = _loss(trainer, batch)
    for _ in range(60):
        trainer.step(3e-3)
    assert _loss(trainer, batch) < before


def _loss(trainer: Trainer, batch) -> float:
    change = trainer.networks.training.predict_on_batch(batch.inputs)["change"][..., 0]
    return float(np.mean(batch.weights["change"] * np.abs(change - batch.wanted["change"]).mean(axis=-1)))
