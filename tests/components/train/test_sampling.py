"""What batches hold, and how much of it counts."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from components.preprocess.series import Series
from components.train.network import Start, assemble
from components.train.registry import MEMBERS
from components.train.sampling import sampler_of
from components.train.task import Task


def test_chunks_before_the_largest_rises_come_more_often_and_weigh_less_in_turn(
    series: Series, task: Task, start: Start
) -> None:
    networks = assemble(task, importlib.import_module(MEMBERS["rule_based"].module).parts(task), start, "chunks")
    batch = sampler_of(series, task, start, networks).draw(np.random.default_rng(0), 4000)
    weights = batch.weights["change"]
    assert (weights == weights[:, :1]).all(), "all rows of a chunk weigh alike"
    rising = weights[:, 0] < 1
    largest = np.nan_to_num(batch.wanted["change"][..., -1], nan=0.0).max(axis=1)
    assert largest[rising].min() > largest[~rising].max()
    assert rising.mean() == pytest.approx(0.25 + 0.75 * 0.1, abs=0.03)
    assert weights.mean() == pytest.approx(1.0, abs=0.05)
