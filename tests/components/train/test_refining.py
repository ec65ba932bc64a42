"""A training on chunks ends on windows, with the weights, the clock and the history that it had."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from components.dataset.schema import Dataset
from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.windows import origins
from components.train.checkpoint import load_checkpoint
from components.train.loop import Trainer
from components.train.network import Start, assemble
from components.train.pace import Stretch
from components.train.recipe import Recipe
from components.train.registry import MEMBERS
from components.train.sampling import sampler_of
from components.train.scoring import Scorer
from components.train.step import TrainRequest, train_member
from components.train.task import Task
from components.train.wishes import StepWishes


@pytest.fixture
def on_chunks(series: Series, task: Task, start: Start) -> Trainer:
    """A trainer with some steps behind it."""
    parts = importlib.import_module(MEMBERS["rule_based"].module).parts(task)
    networks = assemble(task, parts, start, "chunks")
    scorer = Scorer(series, task, start.ridge)
    recipe = Recipe(steps=20)
    trainer = Trainer(networks, task, sampler_of(series, task, start, networks), scorer, recipe, seed=0)
    trainer.run(Stretch("steps", 0.0, 20.0, 0.25), lambda *_: None)
    return trainer


def _following(before: Trainer, series: Series, task: Task, start: Start) -> Trainer:
    networks = before.networks.refined()
    after = Trainer(networks, task, sampler_of(series, task, start, networks), before.scorer, before.recipe, seed=0)
    after.follow(before)
    return after


def test_the_next_trainer_begins_with_the_best_weights_so_far(
    on_chunks: Trainer, series: Series, task: Task, start: Start
) -> None:
    after = _following(on_chunks, series, task, start)
    rows = origins(series, "validation", task.window, task.horizons)[:50]
    on_chunks.use_best()
    wanted = on_chunks.asker(rows)["forecast"]
    after.use_average()
    np.testing.assert_allclose(after.asker(rows)["forecast"], wanted, rtol=1e-6)
    assert after.progress.history == on_chunks.progress.history
    assert (after.progress.step, after.progress.best_error) == (20, on_chunks.progress.best_error)


def test_it_never_ends_worse_than_it_began(on_chunks: Trainer, series: Series, task: Task, start: Start) -> None:
    after = _following(on_chunks, series, task, start)
    after.run(Stretch("steps", 20.0, 40.0, 0.25), lambda *_: None)
    assert after.progress.step == 40
    assert after.progress.best_error <= on_chunks.progress.best_error


def test_a_network_that_trains_on_windows_is_not_refined(task: Task, start: Start) -> None:
    parts = importlib.import_module(MEMBERS["rule_based"].module).parts(task)
    with pytest.raises(ValueError, match="windows"):
        assemble(task, parts, start, "windows").refined()


def test_the_last_quarter_of_the_steps_goes_over_windows(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    # With as many chunks as windows, and this seed, chunks have learnt more when the choice is made.
    wishes = StepWishes(batch=64)
    request = TrainRequest(dataset, series_folder, "rule_based", 60, 1, work, out, steps=80, wishes=wishes)
    train_member(request, Journal("", "train"))
    (path,) = work.glob("checkpoints/*/checkpoint.npz")
    runs = load_checkpoint(path)
    facts = json.loads((out / "member.json").read_text())
    # Each way is tried for 12 steps; of the 56 that are left on chunks a quarter are over windows.
    assert (facts["mode"], facts["micro_batch"]) == ("chunks", wishes.batch)
    assert (runs["windows"].step, runs["chunks"].step, runs["refined"].step) == (12, 54, 68)
