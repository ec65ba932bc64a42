"""How well a network forecasts validation windows, from a zero state on exactly `window` rows, as when it serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Series
from components.preprocess.windows import gather_targets, origins, spike_labels
from components.train.ridge import Ridge, forecast_changes
from components.train.sampling import window_inputs
from components.train.scales import scales_at
from components.train.task import Task

Answers = dict[str, NDArray[np.float32]]

# Windows scored after each stretch of training; a third of them are those with the largest changes.
SCORED_WINDOWS = 768
BATCH = 256


@dataclass(frozen=True)
class Score:
    """Errors on validation windows.

    Attributes:
        relative: root mean over horizons of squared error / persistence's squared error.
        rmse: over all horizons, in the target's unit.
        persistence_rmse: of the last value, on the same windows.
        spike_loss: cross-entropy of spikes relative to that of always saying their share; NaN without spikes.
        trust: [horizons], 0 to 1, how much of the network's correction to its start serves best; errors are with it.
    """

    relative: float
    rmse: float
    persistence_rmse: float
    spike_loss: float
    trust: tuple[float, ...]

    @property
    def choice(self) -> float:
        """What training makes small: the relative error, for a member that looks for spikes their loss as well."""
        return self.relative if np.isnan(self.spike_loss) else 0.5 * (self.relative + self.spike_loss)


class Scorer:
    """Scores a model on a sample of validation windows that holds the largest changes; weights undo that."""

    def __init__(self, series: Series, task: Task, ridge: Ridge, most: int = SCORED_WINDOWS) -> None:
        self.series, self.task = series, task
        rows = origins(series, "validation", task.window, task.horizons)
        last = np.asarray(series.values)[rows, task.target].astype(np.float64)
        change = gather_targets(series, rows, task.horizons) - last[:, None]
        scales = scales_at(series, rows) if task.own_unit else np.ones(len(rows))
        picked, self.weights = _stratified(change / scales[:, None], most)
        # In units of each series' own spread, so that all of a panel count alike.
        self.weights = self.weights / scales[picked] ** 2
        self.rows, self.change, self.last = rows[picked], change[picked], last[picked]
        self.base = forecast_changes(series, task, ridge, self.rows)
        self.labels = spike_labels(series, self.rows)

    def score(self, answer: Callable[[NDArray[np.int64]], Answers]) -> Score:
        """The score of whatever answers windows that end at given rows: forecast [n, h, 3] (and spike [n])."""
        answers = answer(self.rows)
        correction = answers["forecast"][..., 0] - self.last[:, None] - self.base
        trust = self._trust(correction)
        error = self.base + trust * correction - self.change
        ours, theirs = self._mean_squares(error), self._mean_squares(self.change)
        relative = float(np.sqrt(np.mean(ours / np.maximum(theirs, 1e-30))))
        spike = self._spike_loss(answers["spike"]) if "spike" in answers else float("nan")
        return Score(relative, float(np.sqrt(ours.mean())), float(np.sqrt(theirs.mean())), spike, tuple(trust.tolist()))

    def _trust(self, correction: NDArray[np.float64]) -> NDArray[np.float64]:
        """Least squares share of the correction, for each horizon, between none and all of it."""
        miss = self.change - self.base
        known = np.isfinite(miss)
        weights = self.weights[:, None] * known
        both = (weights * np.where(known, miss, 0.0) * correction).sum(axis=0)
        own = (weights * correction**2).sum(axis=0)
        return np.asarray(np.clip(both / np.maximum(own, 1e-30), 0.0, 1.0))

    def _mean_squares(self, error: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.isfinite(error)
        weights = self.weights[:, None] * known
        squares = np.where(known, error, 0.0) ** 2 * weights
        return np.asarray(squares.sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-30))

    def _spike_loss(self, logits: NDArray[np.float32]) -> float:
        known = np.isfinite(self.labels)
        labels, weights = self.labels[known], self.weights[known]
        share = float(np.average(labels, weights=weights)) if len(labels) else 0.0
        if not 0 < share < 1:
            return float("nan")
        values = logits[known].astype(np.float64)
        # The share of spikes in training batches was raised, so logits are shifted back to the natural share first.
        shifted = values + _shift(values, weights, share)
        loss = np.logaddexp(0, shifted) - shifted * labels
        entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        return float(np.average(loss, weights=weights) / entropy)


class Asker:
    """Asks a model in batches of one fixed size, so that it is traced once."""

    def __init__(self, model: keras.Model, series: Series, task: Task) -> None:
        self.series, self.task = series, task
        self.model = keras.Model(model.input, model.output)
        self.model.compile(jit_compile=False)

    def __call__(self, rows: NDArray[np.int64]) -> Answers:
        """Answers for windows that end at the rows: forecast [n, h, 3] (and spike [n])."""
        batches = [self._ask(rows[first : first + BATCH]) for first in range(0, len(rows), BATCH)]
        if not batches:
            return {name: np.empty((0, *output.shape[1:]), np.float32) for name, output in self.model.output.items()}
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

    def _ask(self, rows: NDArray[np.int64]) -> Answers:
        padded = np.concatenate([rows, np.repeat(rows[-1:], BATCH - len(rows))])
        answers = self.model.predict_on_batch(window_inputs(self.series, self.task, padded))
        return {name: np.asarray(answer)[: len(rows)] for name, answer in answers.items()}


def _stratified(change: NDArray[np.float64], most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions of at most `most` windows and their weights: the largest changes whole, the rest evenly thinned."""
    count = len(change)
    if count <= most:
        return np.arange(count), np.ones(count)
    size = np.nan_to_num(np.abs(change)).max(axis=1)
    order = np.argsort(-size, kind="stable")
    large, rest = order[: most // 3], np.sort(order[most // 3 :])
    thinned = rest[np.linspace(0, len(rest) - 1, most - len(large)).astype(np.int64)]
    picked = np.concatenate([large, thinned])
    weights = np.concatenate([np.ones(len(large)), np.full(len(thinned), len(rest) / len(thinned))])
    order = np.argsort(picked)
    return picked[order], weights[order]


def _shift(logits: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """What must be added to the logits so that their mean probability is the share; by bisection."""
    low, high = -30.0, 30.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        probability = np.average(1 / (1 + np.exp(-np.clip(logits + middle, -60, 60))), weights=weights)
        low, high = (middle, high) if probability < share else (low, middle)
    return 0.5 * (low + high)
