"""Training on chunks reaches what training on single windows reaches."""

from __future__ import annotations

import importlib

import keras
import numpy as np

from components.preprocess.series import Series
from components.train.loop import Trainer
from components.train.network import Mode, Start, assemble
from components.train.recipe import Recipe
from components.train.registry import MEMBERS
from components.train.ridge import Layout, Ridge, feature_count
from components.train.sampling import sampler_of
from components.train.scoring import Scorer
from components.train.start import start_of
from components.train.task import Task

STEPS = 250


def _from_last_value(series: Series, task: Task, layout: Layout) -> Start:
    """A start that knows nothing, so that all skill must be learnt."""
    horizons = len(task.horizons)
    kernel = np.zeros((2, feature_count(task, layout), horizons))
    ahead = np.zeros((len(task.future_steps) * len(task.known), horizons))
    nothing = Ridge(layout, kernel, ahead, np.zeros(horizons), (2,) * horizons, (1.0,) * horizons, 0.0)
    return start_of(series, task, nothing)


def _error_after(mode: Mode, series: Series, task: Task, start: Start) -> float:
    keras.utils.set_random_seed(0)
    networks = assemble(task, importlib.import_module(MEMBERS["rule_based"].module).parts(task), start, mode)
    recipe = Recipe(windows=32, chunks=4)
    scorer = Scorer(series, task, start.ridge)
    trainer = Trainer(networks, task, sampler_of(series, task, start, networks), scorer, recipe, 0)
    for step in range(STEPS):
        trainer.step(3e-3 * (1 - step / STEPS))
    trainer.use_average()
    return scorer.score(trainer.asker).relative


def test_chunks_reach_the_error_of_windows(series: Series, task: Task, layout: Layout) -> None:
    start = _from_last_value(series, task, layout)
    chunks, windows = (_error_after(mode, series, task, start) for mode in ("chunks", "windows"))
    assert windows < 0.9
    assert chunks < 1.03 * windows
