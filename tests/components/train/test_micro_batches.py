"""A batch in micro-batches moves the weights as the whole batch does; want of memory makes them smaller."""

from __future__ import annotations

import importlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.errors import InputError
from components.journal import Journal, read_events
from components.preprocess.series import Series
from components.train import training
from components.train.gradient_step import GradientStep, out_of_memory
from components.train.loop import Trainer
from components.train.network import Mode, Start, assemble
from components.train.recipe import Recipe
from components.train.registry import MEMBERS
from components.train.sampling import Batch, sampler_of
from components.train.scoring import Scorer
from components.train.task import Task
from components.train.training import Job, checkpoint_path, train_network


def _trainer(member: str, mode: Mode, series: Series, task: Task, start: Start, recipe: Recipe) -> Trainer:
    keras.utils.set_random_seed(0)
    networks = assemble(task, importlib.import_module(MEMBERS[member].module).parts(task), start, mode)
    return Trainer(
        networks, task, sampler_of(series, task, start, networks), Scorer(series, task, start.ridge), recipe, 0
    )


@pytest.mark.parametrize(
    ("member", "mode", "micro_batch"),
    [("rule_based", "chunks", 1), ("rule_based", "windows", 3), ("spike_detector", "windows", 4)],
)
def test_weights_after_micro_batches_are_those_after_the_batch(
    member: str, mode: Mode, micro_batch: int, series: Series, task: Task, start: Start
) -> None:
    weights, losses = [], []
    for size in (None, micro_batch):
        trainer = _trainer(member, mode, series, task, start, Recipe(windows=8, chunks=4))
        trainer.micro_batch = size or trainer.batch
        for _ in range(4):
            trainer.step(1e-3)
        trainer.use_average()
        weights.append(trainer.model.get_weights())
        losses.append(trainer._last_loss)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for pieces, whole in zip(weights[1], weights[0], strict=True):
        np.testing.assert_allclose(pieces, whole, atol=2e-5)


def _job(series: Series, task: Task, start: Start, folder: Path, memory_bytes: int = 0) -> Job:
    recipe = Recipe(windows=8, chunks=4, steps=12)
    return Job("rule_based", series, task, start, recipe, 0, 60.0, folder, memory_bytes=memory_bytes)


class _Starved:
    """Has steps with more than `fits` windows or chunks at once fail as a full device does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fits: int, error: Exception, after_steps: int = 0) -> None:
        self.calls = 0
        real = GradientStep.__call__

        def call(step: GradientStep, batch: Batch, micro_batch: int, rate: float, decay: float) -> float:
            self.calls += 1
            if micro_batch > fits and self.calls > after_steps:
                raise error
            return real(step, batch, micro_batch, rate, decay)

        monkeypatch.setattr(GradientStep, "__call__", call)


@pytest.mark.parametrize(
    "error", [tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"), MemoryError()]
)
def test_training_goes_on_with_smaller_micro_batches(
    error: Exception, series: Series, task: Task, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = train_network(_job(series, task, start, tmp_path / "a"), Journal("", "train"))
    _Starved(monkeypatch, fits=2, error=error, after_steps=5)
    trained = train_network(_job(series, task, start, tmp_path / "b"), Journal(str(tmp_path), "train rule_based"))
    notes = [event["text"] for event in read_events(str(tmp_path))[0] if event["event"] == "note"]
    assert any("out of memory with micro-batches of 4: going on with 2" in note for note in notes)
    assert trained.report.micro_batch <= 2
    assert trained.progress.step == undisturbed.progress.step
    for ours, theirs in zip(trained.progress.weights, undisturbed.progress.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_no_memory_for_a_single_window_is_an_input_error(
    series: Series, task: Task, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Starved(monkeypatch, fits=0, error=MemoryError())
    with pytest.raises(InputError, match="single window"):
        train_network(_job(series, task, start, tmp_path), Journal("", "train"))


def test_other_errors_are_not_taken_for_want_of_memory(
    series: Series, task: Task, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Starved(monkeypatch, fits=0, error=ValueError("shapes"))
    with pytest.raises(ValueError, match="shapes"):
        train_network(_job(series, task, start, tmp_path), Journal("", "train"))
    assert out_of_memory(tf.errors.InternalError(None, None, "CUDNN_STATUS_ALLOC_FAILED"))
    of_onednn = "Operation received an exception:Status: {}, message: could not create a primitive"
    assert out_of_memory(tf.errors.AbortedError(None, None, of_onednn.format(1)))
    assert not out_of_memory(tf.errors.AbortedError(None, None, of_onednn.format(3)))
    assert not out_of_memory(tf.errors.InternalError(None, None, "no such kernel"))


def test_want_of_memory_is_known_where_tracing_raises_an_error_of_its_own() -> None:
    @tf.function
    def traced(given: tf.Tensor) -> tf.Tensor:
        raise (MemoryError if wanting else ValueError)("while a layer was called")

    for wanting in (True, False):
        with pytest.raises(Exception, match="while a layer was called") as raised:
            traced(tf.constant(float(wanting)))
        assert out_of_memory(raised.value) == wanting


def test_the_micro_batch_follows_the_memory_that_is_given(
    series: Series, task: Task, start: Start, tmp_path: Path
) -> None:
    trained = train_network(_job(series, task, start, tmp_path, memory_bytes=1), Journal("", "train"))
    assert trained.report.micro_batch == 1


def test_a_checkpoint_of_another_network_is_not_used(
    series: Series, task: Task, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _job(series, task, start, tmp_path)
    train_network(job, Journal("", "train"))
    path = checkpoint_path(job)
    assert path is not None
    runs = training.load_checkpoint(path)
    for run in runs.values():
        run.weights[0] = run.weights[0][:1]
    training.save_checkpoint(path, runs)
    trained = train_network(job, Journal(str(tmp_path), "train rule_based"))
    assert trained.progress.step > 0
    notes = [event["text"] for event in read_events(str(tmp_path))[0] if event["event"] == "note"]
    assert any("another network" in note for note in notes)
