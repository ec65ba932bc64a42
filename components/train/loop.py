"""The training loop: steps within a budget, the rate falling along a cosine, the best average kept."""

from __future__ import annotations

import copy
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from components.train.batch_feed import BatchFeed
from components.train.checkpoint import Arrays, Progress
from components.train.gradient_step import GradientStep
from components.train.losses import PointAndBandLoss, SpikeLoss
from components.train.network import Networks
from components.train.pace import Stretch
from components.train.recipe import Recipe
from components.train.sampling import Sampler
from components.train.scoring import Asker, Score, Scorer
from components.train.task import Task


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop; the checkpoint has been written."""


class Trainer:
    """Trains one member in one way; can be stopped after any step and go on in another process.

    Attributes:
        batch: chunks or windows of a step.
        micro_batch: most of them in memory at once; the step is the same.
    """

    def __init__(
        self, networks: Networks, task: Task, sampler: Sampler, scorer: Scorer, recipe: Recipe, seed: int
    ) -> None:
        self.networks, self.sampler, self.scorer, self.recipe = networks, sampler, scorer, recipe
        self.model = networks.training
        self.asker = Asker(networks.serving, scorer.series, task)
        self.batch = recipe.batch_of(networks.mode)
        self.micro_batch = self.batch
        self.feed = BatchFeed(sampler, np.random.default_rng(seed), self.batch)
        self.progress = Progress()
        self._last_loss, self._last_rate, self._scoring_seconds = float("nan"), 0.0, 0.0
        self._gradient_step = GradientStep(self.model, losses_of(self.model, task, recipe), optimizer_of(recipe))
        self._states = _states(self.model)
        self.snapshot()

    def trace(self) -> None:
        """Has the step compiled before any clock runs, by one step of which nothing stays."""
        before = copy.deepcopy(self.snapshot())
        self.step(0.0)
        self.restore(before)

    def restore(self, progress: Progress) -> None:
        """Goes on from a checkpoint."""
        self.progress = progress
        self.model.set_weights(progress.weights)
        self._gradient_step.state = progress.optimizer
        self._gradient_step.average = progress.average
        for variable, value in zip(self._states, progress.states, strict=True):
            variable.assign(value)
        self.feed.state = progress.random

    def fits(self, progress: Progress) -> bool:
        """Whether a checkpoint is of a network of this shape and an optimiser of this kind."""
        ours = (self.model.get_weights(), self._gradient_step.state, self._states)
        theirs = (progress.weights, progress.optimizer, progress.states)
        return [_shapes(arrays) for arrays in ours] == [_shapes(arrays) for arrays in theirs]

    def snapshot(self) -> Progress:
        """The progress with all that `restore` needs."""
        self.progress.weights = self.model.get_weights()
        self.progress.optimizer = self._gradient_step.state
        self.progress.average = self._gradient_step.average
        self.progress.states = [np.asarray(variable) for variable in self._states]
        self.progress.random = self.feed.state
        return self.progress

    def run(self, stretch: Stretch, after_step: Callable[[Trainer, Score | None], None]) -> None:
        """Trains to the end of a stretch, or until nothing gets better any more.

        Args:
            stretch: how far; what earlier calls have spent is part of it.
            after_step: is told after every step, with a score where one was made; may raise to stop.
        """
        clock = _Clock(self.progress.seconds)
        progress = self.progress
        if not progress.history:
            after_step(self, self._score(clock))
        due = stretch.next_score(clock.now(), progress.step, self._scoring_seconds)
        while not stretch.over(clock.now(), progress.step) and progress.stale < self.recipe.patience:
            self.step(self._rate(stretch.share(clock.now(), progress.step)))
            progress.seconds = clock.now()
            score = None
            over = stretch.over(progress.seconds, progress.step)
            if over or stretch.spent(progress.seconds, progress.step) >= due:
                score = self._score(clock)
                due = stretch.next_score(clock.now(), progress.step, self._scoring_seconds)
            after_step(self, score)

    def follow(self, before: Trainer) -> None:
        """Goes on where another trainer of the same weights has ended: its best ones, its clock, its history."""
        before.use_best()
        weights, past = self.model.get_weights(), before.progress
        own = self.snapshot()
        # The models list the same weights in orders of their own.
        own.weights, own.best, own.average = weights, copy.deepcopy(weights), copy.deepcopy(weights)
        for name in ("step", "seconds", "targets", "rows", "training_seconds", "waiting_seconds", "best_error"):
            setattr(own, name, getattr(past, name))
        own.history = [*past.history]
        self.restore(own)

    def use_best(self) -> None:
        """Puts the best weights into the network."""
        self.model.set_weights(self.progress.best)

    def use_average(self) -> None:
        """Puts the moving average of the weights into the network."""
        self.model.set_weights(self._gradient_step.average)

    def step(self, rate: float) -> None:
        """One batch, at a learning rate."""
        began = time.perf_counter()
        batch = self.feed.draw()
        self.progress.waiting_seconds += time.perf_counter() - began
        decay = min(self.recipe.averaging, (1 + self.progress.step) / (10 + self.progress.step))
        self._last_loss = self._gradient_step(batch, self.micro_batch, rate, decay)
        self._last_rate = rate
        self.progress.step += 1
        self.progress.targets += batch.targets
        self.progress.rows += math.prod(batch.inputs["window"].shape[:2])
        self.progress.training_seconds += time.perf_counter() - began

    def _score(self, clock: _Clock) -> Score:
        progress = self.progress
        current, average = self.model.get_weights(), self._gradient_step.average
        self.model.set_weights(average)
        began = time.perf_counter()
        score = self.scorer.score(self.asker)
        self._scoring_seconds = time.perf_counter() - began
        self.model.set_weights(current)
        progress.stale += 1
        if score.choice < progress.best_error:
            progress.best_error, progress.stale = score.choice, 0
            progress.best = self._trusted(average, score)
        progress.seconds = clock.now()
        progress.history.append(
            {
                "step": progress.step,
                "seconds": round(progress.seconds, 2),
                "loss": self._last_loss,
                "validation_loss": score.choice,
                "validation_rmse": score.rmse,
                "learning_rate": self._last_rate,
            }
        )
        return score

    def _trusted(self, average: Arrays, score: Score) -> Arrays:
        """The average with the network's correction scaled to what validation trusts of it."""
        output = {variable.path for variable in self.model.get_layer("output").variables}
        for variable, array in zip(self.model.weights, average, strict=True):
            if variable.path in output:
                array[..., : len(score.trust)] *= np.asarray(score.trust, np.float32)
        return average

    def _rate(self, done: float) -> float:
        risen = min(1.0, (self.progress.step + 1) / self.recipe.warm_up_steps)
        return self.recipe.learning_rate * risen * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def losses_of(model: keras.Model, task: Task, recipe: Recipe) -> dict[str, Any]:
    """The loss of each output that is trained."""
    losses: dict[str, Any] = {"change": PointAndBandLoss(task.quantiles, recipe.huber_delta)}
    if "spike" in model.output:
        losses["spike"] = SpikeLoss(name="spike")
    return losses


def optimizer_of(recipe: Recipe) -> Any:
    """AdamW; with half precision its gradients are scaled, so that small ones do not vanish."""
    own = keras.optimizers.AdamW(
        recipe.learning_rate, weight_decay=recipe.weight_decay, global_clipnorm=recipe.clip_norm
    )
    return keras.optimizers.LossScaleOptimizer(own) if recipe.precision == "mixed_float16" else own


def _states(model: keras.Model) -> list[Any]:
    """What a model holds beside its weights: the states of its layers' random generators."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _shapes(arrays: Iterable[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


class _Clock:
    """Seconds of wall clock, going on from where an earlier process stopped."""

    def __init__(self, spent: float) -> None:
        self._zero = time.perf_counter() - spent

    def now(self) -> float:
        return time.perf_counter() - self._zero


@contextmanager
def stop_asked() -> Iterator[threading.Event]:
    """An event that is set by SIGTERM and SIGINT, so that a step is finished and saved before the process ends."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: asked.set())
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
