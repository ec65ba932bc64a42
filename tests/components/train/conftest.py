"""A small river whose level follows rain, and what trains on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.dataset.schema import Column, Dataset, Rule, Spike, Then
from components.preprocess.series import Scaler, Series, Span
from components.preprocess.storage import digest_of, save_series
from components.train.network import Start
from components.train.ridge import Layout, block_layout, fit_ridge
from components.train.start import start_of
from components.train.task import Task

ROWS = 1500


def river(rows: int = ROWS, seed: int = 3) -> np.ndarray:
    """Level [m] that rises with the square root of rain of the last hours and falls off; rain [mm]: [rows, 2]."""
    generator = np.random.default_rng(seed)
    rain = generator.gamma(0.5, 4.0, rows) * (generator.random(rows) < 0.08)
    level = np.zeros(rows)
    for row in range(1, rows):
        level[row] = 0.93 * level[row - 1] + 0.4 * np.sqrt(rain[max(row - 3, 0)]) + 0.02 * generator.normal()
    return np.stack([level, rain], axis=1)


@pytest.fixture
def dataset() -> Dataset:
    """Level and rain every hour, the hour of the day, two horizons, one rule."""
    return Dataset(
        name="river",
        time="time",
        step="1h",
        columns={"level": Column(unit="m"), "rain": Column(unit="mm", role="known")},
        calendar=("hour_of_day",),
        target="level",
        window=16,
        horizons=(1, 4),
        spike=Spike(rise=0.8, within=4),
        rules=(Rule(when="rain > 3 and level > 0.5", steps=1, then=Then(min=0.4)),),
    )


@pytest.fixture
def series(dataset: Dataset) -> Series:
    """The river in three parts, with a gap in the training part and targets that were not observed."""
    values = np.concatenate([river(), (np.arange(ROWS) % 24)[:, None]], axis=1).astype(np.float32)
    values[300:305] = np.nan
    observed = np.isfinite(values[:, 0])
    observed[700:710] = False
    training = values[:1000]
    bare = Series(
        values=values,
        stamps=np.datetime64("2024-01-01", "ns") + np.arange(ROWS) * np.timedelta64(1, "h"),
        observed=observed,
        usable=np.isfinite(values).all(axis=1),
        inputs=dataset.inputs,
        target=0,
        spans=(Span("river", 0, 1000, 1250, ROWS),),
        scaler=Scaler(
            tuple(np.nanmean(training, axis=0).tolist()),
            tuple(np.nanstd(training, axis=0).tolist()),
        ),
        spike_rise=0.8,
        spike_within=4,
        step_seconds=3600,
        season=24,
        known=(1,),
    )
    return Series(**{**vars(bare), "digest": digest_of(bare)})


@pytest.fixture
def series_folder(series: Series, tmp_path: Path) -> Path:
    """The series on disk."""
    folder = tmp_path / "series"
    save_series(series, folder)
    return folder


@pytest.fixture
def task(dataset: Dataset, series: Series) -> Task:
    """What is forecast."""
    return Task.of(dataset, series)


@pytest.fixture
def layout(task: Task) -> Layout:
    """Features of the linear start."""
    return block_layout(task, look_back=6)


@pytest.fixture
def start(series: Series, task: Task, layout: Layout) -> Start:
    """The linear start."""
    return start_of(series, task, fit_ridge(series, task, layout))
