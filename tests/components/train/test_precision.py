from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.windows import origins
from components.train.network import Start
from components.train.precision import Precision, compute_capability, precision_of
from components.train.recipe import Recipe
from components.train.sampling import window_inputs
from components.train.task import Task
from components.train.training import Job, train_network


@pytest.mark.parametrize(
    ("capability", "precision"),
    [
        (None, "float32"),
        ((6, 1), "float32"),
        ((7, 0), "mixed_float16"),
        ((7, 5), "mixed_float16"),
        ((8, 6), "mixed_bfloat16"),
        ((9, 0), "mixed_bfloat16"),
    ],
)
def test_half_precision_only_where_a_gpu_has_units_for_it(
    capability: tuple[int, int] | None, precision: Precision
) -> None:
    assert precision_of(capability) == precision


def test_a_cpu_has_no_compute_capability() -> None:
    assert compute_capability() is None or compute_capability() >= (3, 5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_a_member_trained_in_half_precision_serves_in_float32(
    precision: Precision, series: Series, task: Task, start: Start, tmp_path: Path
) -> None:
    recipe = Recipe(windows=8, chunks=2, steps=10, precision=precision)
    job = Job("rule_based", series, task, start, recipe, 0, 60.0, tmp_path)
    trained = train_network(job, Journal("", "train"))
    assert trained.report.precision == precision
    computes = {layer.compute_dtype for layer in trained.networks.serving.layers}
    assert computes == {"float32"}
    moved = trained.progress.weights, trained.progress.best
    assert any((now != best).any() for now, best in zip(*moved, strict=True))
    rows = origins(series, "test", task.window, task.horizons)[:20]
    answer = trained.networks.serving.predict_on_batch(window_inputs(series, task, rows))["forecast"]
    assert np.isfinite(answer).all()
    again = train_network(job, Journal("", "train"))
    assert again.progress.step == trained.progress.step
