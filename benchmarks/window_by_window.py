"""Error on validation windows after training as Sluice does, and window by window for several times as long.

    python benchmarks/window_by_window.py [--members stacked_lstm,...] [--rows 781163] [--seconds 600] [--times 6]

Sluice's way: chunks of rows, each scored at many rows, where the member reads one way, and windows in the last quarter;
else windows alone, floods drawn more often. Window by window: 32 windows a batch, every one as likely as another. Same
network, same linear start, same optimiser, same readings; one after the other, one thread each. Errors are of the
weights that the training's own scores chose, over 6,000 validation windows: RMSE over all horizons relative to
persistence's.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from training import prepared

from components.dataset.load import load_preset
from components.preprocess.series import Series
from components.train.loop import Trainer
from components.train.network import Networks, Start, assemble
from components.train.pace import Stretch
from components.train.recipe import recipe_of
from components.train.registry import MEMBERS
from components.train.ridge import fit_ridge, start_layout
from components.train.row_draw import RowDraw
from components.train.sampling import Sampler, WindowSampler, sampler_of
from components.train.scoring import Asker, Scorer
from components.train.start import start_of
from components.train.task import Task
from components.train.training import REFINING_RATE, REFINING_SHARE

Way = Literal["sluice", "windows"]
FIVE = "stacked_lstm,residual_gru,cnn_lstm,spike_detector,rule_based"
SCORED_WINDOWS = 6_000
PLAIN_BATCH = 32


@dataclass(frozen=True)
class Ground:
    """What both ways train on."""

    series: Series
    task: Task
    start: Start
    member: str


@dataclass(frozen=True)
class Outcome:
    """What one way of training came to."""

    seconds: float
    targets: int
    relative_error: float


class UniformWindows(WindowSampler):
    """Windows of the training part, every one as likely as another."""

    def __init__(self, series: Series, task: Task, start: Start, spikes: bool) -> None:
        super().__init__(series, task, start, spikes)
        rows = self.origins.rows
        self.origins = RowDraw.of(rows, np.zeros(len(rows), np.bool_))


def main() -> None:
    """Prints a line for each member and way, and the ratio of their errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", default=FIVE)
    parser.add_argument("--rows", type=int, default=781_163)
    parser.add_argument("--seconds", type=float, default=600.0, help="of Sluice's way, for each member")
    parser.add_argument("--times", type=float, default=6.0, help="as long may the windows take; 0 leaves them out")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    dataset = load_preset("reservoir")
    with tempfile.TemporaryDirectory() as folder:
        series = prepared(dataset, options.rows, Path(folder))
        task = Task.of(dataset, series)
        scorer = Scorer(series, task, fit_ridge(series, task, start_layout(task, 0)), most=SCORED_WINDOWS)
        for member in options.members.split(","):
            ground = _ground(series, task, member)
            ours = _say(member, "sluice", _trained(ground, "sluice", options.seconds, scorer))
            if not options.times:
                continue
            theirs = _say(member, "windows", _trained(ground, "windows", options.times * options.seconds, scorer))
            print(f"{member}: error {ours.relative_error / theirs.relative_error:.4f} of that of windows", flush=True)


def _ground(series: Series, task: Task, member: str) -> Ground:
    ridge = fit_ridge(series, task, start_layout(task, MEMBERS[member].look_back))
    return Ground(series, task, start_of(series, task, ridge), member)


def _trained(ground: Ground, way: Way, seconds: float, scorer: Scorer) -> Outcome:
    keras.utils.set_random_seed(0)
    module: Any = importlib.import_module(MEMBERS[ground.member].module)
    parts = module.parts(ground.task)
    mode = "chunks" if way == "sluice" and parts.causal else "windows"
    networks = assemble(ground.task, parts, ground.start, mode)
    recipe = recipe_of(ground.task.segment)
    recipe = replace(recipe, learning_rate=recipe.learning_rate * MEMBERS[ground.member].rate)
    if way == "windows":
        recipe = replace(recipe, windows=PLAIN_BATCH)
    own = Scorer(ground.series, ground.task, ground.start.ridge)
    trainer = Trainer(networks, ground.task, _sampler(ground, networks, way), own, recipe, seed=0)
    trainer.trace()
    first = seconds * (1 - REFINING_SHARE) if mode == "chunks" else seconds
    trainer.run(Stretch("seconds", 0.0, first, recipe.score_share), lambda *_: None)
    if mode == "chunks":
        trainer = _refined(ground, trainer, own)
        trainer.run(Stretch("seconds", first, seconds, recipe.score_share), lambda *_: None)
    trainer.use_best()
    return Outcome(trainer.progress.seconds, trainer.progress.targets, _error(ground, networks, scorer))


def _refined(ground: Ground, before: Trainer, scorer: Scorer) -> Trainer:
    networks = before.networks.refined()
    recipe = replace(before.recipe, learning_rate=REFINING_RATE * before.recipe.learning_rate)
    trainer = Trainer(networks, ground.task, _sampler(ground, networks, "sluice"), scorer, recipe, seed=0)
    trainer.follow(before)
    trainer.trace()
    return trainer


def _sampler(ground: Ground, networks: Networks, way: Way) -> Sampler:
    if way == "sluice":
        return sampler_of(ground.series, ground.task, ground.start, networks)
    return UniformWindows(ground.series, ground.task, ground.start, "spike" in networks.training.output)


def _error(ground: Ground, networks: Networks, scorer: Scorer) -> float:
    answers = Asker(networks.serving, ground.series, ground.task)(scorer.rows)
    miss = answers["forecast"][..., 0] - scorer.last[:, None] - scorer.change
    ours, theirs = (_mean_square(error, scorer.weights) for error in (miss, scorer.change))
    return float(np.sqrt(ours / theirs))


def _mean_square(error: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> float:
    counted = weights[:, None] * np.isfinite(error)
    return float((counted * np.nan_to_num(error) ** 2).sum() / counted.sum())


def _say(member: str, way: Way, outcome: Outcome) -> Outcome:
    print(
        f"{member:16} {way:8} {outcome.seconds:8.0f} s {outcome.targets:14,} targets"
        f"   validation error {outcome.relative_error:.4f} of persistence's",
        flush=True,
    )
    return outcome


if __name__ == "__main__":
    main()
