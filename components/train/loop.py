"""The training loop: steps within a time budget, the rate falling along a cosine, the best average kept."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from components.train.checkpoint import Arrays, Progress
from components.train.losses import PointAndBandLoss, SpikeLoss
from components.train.network import Networks
from components.train.sampling import Sampler
from components.train.scoring import Asker, Score, Scorer
from components.train.task import Task


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Attributes:
        learning_rate: highest rate, reached after `warm_up_steps`.
        warm_up_steps: steps over which the rate rises.
        weight_decay: of AdamW (Loshchilov and Hutter, 2019).
        clip_norm: longest gradient, over all weights.
        huber_delta: error, in the network's unit of change, above which the loss is linear.
        averaging: decay of the moving average of weights, for each step.
        chunks: chunks in a batch.
        windows: windows in a batch.
        patience: scores without a better one after which training ends.
        score_share: share of the time budget between two scores.
    """

    learning_rate: float = 3e-3
    warm_up_steps: int = 20
    weight_decay: float = 1e-3
    clip_norm: float = 1.0
    huber_delta: float = 8.0
    averaging: float = 0.98
    chunks: int = 16
    windows: int = 64
    patience: int = 12
    score_share: float = 0.05


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop; the checkpoint has been written."""


class Trainer:
    """Trains one member in one way; can be stopped after any step and go on in another process."""

    def __init__(
        self, networks: Networks, task: Task, sampler: Sampler, scorer: Scorer, recipe: Recipe, seed: int
    ) -> None:
        self.networks, self.sampler, self.scorer, self.recipe = networks, sampler, scorer, recipe
        self.model = networks.training
        self.asker = Asker(networks.serving, scorer.series, task)
        self.rng = np.random.default_rng(seed)
        self.progress = Progress(average=self.model.get_weights())
        self._last_loss, self._last_rate, self._scoring_seconds = float("nan"), 0.0, 0.0
        self._compile(task)

    def trace(self) -> None:
        """Has the step compiled before any clock runs, by one step that moves no weight and counts nothing."""
        self.step(0.0)
        self.progress = Progress(average=self.model.get_weights())

    def restore(self, progress: Progress) -> None:
        """Goes on from a checkpoint."""
        self.progress = progress
        self.model.set_weights(progress.weights)
        self.model.optimizer.build(self.model.trainable_variables)
        for variable, value in zip(self.model.optimizer.variables, progress.optimizer, strict=True):
            variable.assign(value)
        self.rng.bit_generator.state = progress.random

    def snapshot(self) -> Progress:
        """The progress with all that `restore` needs."""
        self.progress.weights = self.model.get_weights()
        self.progress.optimizer = [np.asarray(variable) for variable in self.model.optimizer.variables]
        self.progress.random = dict(self.rng.bit_generator.state)
        return self.progress

    def run(self, until: float, after_step: Callable[[Trainer, Score | None], None]) -> None:
        """Trains until `until` seconds have been spent on this network in all, or nothing gets better any more.

        Args:
            until: seconds of wall clock, those of earlier calls included.
            after_step: is told after every step, with a score where one was made; may raise to stop.
        """
        clock = _Clock(self.progress.seconds)
        begun = self.progress.seconds
        if not self.progress.history:
            after_step(self, self._score(clock))
        next_score = clock.now() + self._interval(until - begun)
        while clock.now() < until and self.progress.stale < self.recipe.patience:
            rate = self._rate((clock.now() - begun) / max(until - begun, 1e-9))
            self.step(rate)
            self.progress.seconds = clock.now()
            score = None
            if clock.now() >= next_score or clock.now() >= until:
                score = self._score(clock)
                next_score = clock.now() + self._interval(until - begun)
            after_step(self, score)

    def use_best(self) -> None:
        """Puts the best weights into the network."""
        self.model.set_weights(self.progress.best)

    def _compile(self, task: Task) -> None:
        recipe = self.recipe
        losses: dict[str, Any] = {"change": PointAndBandLoss(task.quantiles, recipe.huber_delta)}
        if "spike" in self.model.output:
            losses["spike"] = SpikeLoss(name="spike")
        optimizer = keras.optimizers.AdamW(
            recipe.learning_rate, weight_decay=recipe.weight_decay, global_clipnorm=recipe.clip_norm
        )
        # XLA was measured slower for the steps of recurrent layers on CPUs (182 ms against 148 ms for a stacked LSTM).
        self.model.compile(optimizer, loss=losses, jit_compile=False)

    def step(self, rate: float) -> None:
        """One batch, at a learning rate."""
        began = time.perf_counter()
        size = self.recipe.chunks if self.networks.mode == "chunks" else self.recipe.windows
        batch = self.sampler.draw(self.rng, size)
        self.model.optimizer.learning_rate = rate
        told = self.model.train_on_batch(batch.inputs, batch.wanted, batch.weights, return_dict=True)
        self._last_loss = float(told["loss"])
        self._last_rate = rate
        decay = min(self.recipe.averaging, (1 + self.progress.step) / (10 + self.progress.step))
        for mean, now in zip(self.progress.average, self.model.get_weights(), strict=True):
            mean *= decay
            mean += (1 - decay) * now
        self.progress.step += 1
        self.progress.targets += batch.targets
        self.progress.training_seconds += time.perf_counter() - began

    def _score(self, clock: _Clock) -> Score:
        current = self.model.get_weights()
        self.model.set_weights(self.progress.average)
        began = time.perf_counter()
        score = self.scorer.score(self.asker)
        self._scoring_seconds = time.perf_counter() - began
        self.model.set_weights(current)
        progress = self.progress
        progress.stale += 1
        if score.choice < progress.best_error:
            progress.best_error, progress.stale = score.choice, 0
            progress.best = self._trusted(score)
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

    def _trusted(self, score: Score) -> Arrays:
        """The average with the network's correction scaled to what validation trusts of it."""
        best = [array.copy() for array in self.progress.average]
        output = {variable.path for variable in self.model.get_layer("output").variables}
        for variable, array in zip(self.model.weights, best, strict=True):
            if variable.path in output:
                array[..., : len(score.trust)] *= np.asarray(score.trust, np.float32)
        return best

    def _rate(self, done: float) -> float:
        risen = min(1.0, (self.progress.step + 1) / self.recipe.warm_up_steps)
        return self.recipe.learning_rate * risen * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))

    def _interval(self, budget: float) -> float:
        """Seconds between scores: a share of the budget, yet scoring never takes more than a fifth of the time."""
        return max(self.recipe.score_share * budget, 4 * self._scoring_seconds)


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
