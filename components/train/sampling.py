"""Batches for training: chunks scored at every row after a warm-up, or single windows; of both, floods more often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Series
from components.preprocess.windows import (
    chunk_starts,
    gather_future,
    gather_targets,
    gather_windows,
    origins,
    spike_labels,
)
from components.train.network import Networks, Start
from components.train.ridge import importance, units_at
from components.train.row_draw import RowDraw
from components.train.scales import scales_at
from components.train.task import Task

# The tenth of windows, or of chunks, that rise most is drawn more often.
RISING_QUANTILE = 0.9


@dataclass(frozen=True)
class Batch:
    """One step's data: inputs by name, targets by output name, weights by output name; `targets` forecast targets."""

    inputs: dict[str, NDArray[np.float32]]
    wanted: dict[str, NDArray[np.float32]]
    weights: dict[str, NDArray[np.float32]]
    targets: int


class Sampler(Protocol):
    """Draws batches from the training part."""

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch of `size` chunks or windows."""
        ...


def sampler_of(series: Series, task: Task, start: Start, networks: Networks) -> Sampler:
    """The sampler that fits how a network is trained."""
    if networks.mode == "chunks":
        return ChunkSampler(series, task, start, networks)
    return WindowSampler(series, task, start, "spike" in networks.training.output)


class ChunkSampler:
    """Chunks of consecutive training rows, the last `scored_rows` of each scored.

    Those that hold the largest rises are drawn more often and weigh less in turn.
    """

    def __init__(self, series: Series, task: Task, start: Start, networks: Networks) -> None:
        self.series, self.task = series, task
        self.scale = np.asarray(start.scale, np.float32)
        self.rows, self.scored = networks.chunk_rows, networks.scored_rows
        ends = chunk_starts(series, self.rows, task.horizons, stride=1) + self.rows - 1
        self.ends = RowDraw.of(ends, _rising_chunks(series, task, ends, self.scored))

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Chunks that end anywhere in the training part: window [b, rows, c], change [b, scored, h]."""
        ends = self.ends.draw(rng, size)
        scored = ends[:, None] + np.arange(1 - self.scored, 1)
        inputs = {"window": gather_windows(self.series.values, ends, self.rows)}
        if self.task.known:
            future = gather_future(self.series.values, scored.ravel(), self.task.longest, self.task.known)
            inputs["future"] = future.reshape(*scored.shape, *future.shape[1:])
        change = _changes(self.series, self.task, scored, self.scale)
        weights = np.repeat(self.ends.weights(ends)[:, None], self.scored, axis=1)
        return Batch(inputs, {"change": change}, {"change": weights}, scored.size)


class WindowSampler:
    """Single windows; those before the largest rises are drawn more often and weigh less in turn."""

    def __init__(self, series: Series, task: Task, start: Start, spikes: bool) -> None:
        self.series, self.task, self.spikes = series, task, spikes
        self.scale = np.asarray(start.scale, np.float32)
        rows = origins(series, "train", task.window, task.horizons)
        self.origins = RowDraw.of(rows, self._rising(rows))

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Windows [b, rows, c], change [b, h] and, for a member that looks for spikes, spike [b]."""
        rows = self.origins.draw(rng, size)
        inputs = window_inputs(self.series, self.task, rows)
        units = units_at(self.series, self.task, rows).astype(np.float32)[:, None]
        wanted = {"change": _changes(self.series, self.task, rows, self.scale) / units}
        weights = {"change": self.origins.weights(rows)}
        if self.task.own_unit:
            # The root, since large errors count by their size alone here (`recipe_of`).
            counts = np.sqrt(importance(self.series, self.task, rows))
            weights["change"] = weights["change"] * counts.astype(np.float32)
        if self.spikes:
            wanted["spike"] = spike_labels(self.series, rows)
            weights["spike"] = np.ones(size, np.float32)
        return Batch(inputs, wanted, weights, size)

    def _rising(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        target = np.asarray(self.series.values[:, self.task.target])
        now = target[rows]
        rise: NDArray[np.floating[Any]] = np.full(len(rows), -np.inf, np.float32)
        with np.errstate(invalid="ignore"):
            # A lead time at a time: indices of all of them at once would take as much as the table.
            for steps in np.asarray(self.task.horizons)[_few(len(self.task.horizons))]:
                np.maximum(rise, np.nan_to_num(target[rows + steps] - now, nan=0.0), out=rise)
        if self.task.own_unit:
            rise = rise / scales_at(self.series, rows)
        edge = float(np.quantile(rise, RISING_QUANTILE)) if len(rise) else 0.0
        spikes = np.nan_to_num(spike_labels(self.series, rows)) > 0 if self.spikes else rise > np.inf
        return np.asarray((rise > edge) | spikes)


def window_inputs(series: Series, task: Task, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Inputs of a member for windows that end at the rows, in raw units."""
    inputs = {"window": gather_windows(series.values, rows, task.window)}
    if task.known:
        inputs["future"] = gather_future(series.values, rows, task.longest, task.known)
    return inputs


def _rising_chunks(series: Series, task: Task, ends: NDArray[np.int64], scored: int) -> NDArray[np.bool_]:
    """Which chunks hold one of the largest rises over the longest horizon in their scored rows, a tenth: [chunks]."""
    if not len(ends):
        return np.zeros(0, np.bool_)
    level = np.asarray(series.values[:, task.target], np.float64)
    rise = np.zeros(len(level))
    np.subtract(level[task.longest :], level[: -task.longest], out=rise[: -task.longest])
    np.nan_to_num(rise, copy=False, nan=0.0)
    largest = _running_max(rise, scored)[ends]
    return np.asarray(largest > np.quantile(largest, RISING_QUANTILE))


def _running_max(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Largest of the last `length` values at each row, by doubling and in place: [n]."""
    reach = 1
    while reach < length:
        step = min(reach, length - reach)
        values[step:] = np.maximum(values[step:], values[:-step])
        reach += step
    return values


def _few(count: int) -> Any:
    return np.unique(np.linspace(0, count - 1, min(count, 4)).astype(int))


def _changes(series: Series, task: Task, rows: NDArray[np.int64], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    last = np.asarray(series.values)[rows, task.target]
    return np.asarray((gather_targets(series, rows, task.horizons) - last[..., None]) / scale, np.float32)
