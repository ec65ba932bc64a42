"""Batches of a retraining: some from new readings, the rest replayed from old ones, floods more often."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from components.preprocess.generations import newer, older, with_spans
from components.preprocess.series import Series
from components.train.network import Networks
from components.train.sampling import RISING_QUANTILE, RISING_SHARE, Batch, ChunkSampler, Sampler, sampler_of
from components.train.task import Task
from components.train.warm_start import WarmStart


class ReplaySampler:
    """Draws a part of each batch from new readings and the rest from old ones."""

    def __init__(self, new: Sampler, old: Sampler, old_share: float) -> None:
        self.new, self.old, self.old_share = new, old, old_share

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch of `size` chunks or windows, new ones first; at least one is new."""
        replayed = min(round(self.old_share * size), size - 1)
        drawn = [self.new.draw(rng, size - replayed)]
        if replayed:
            drawn.append(self.old.draw(rng, replayed))
        return joined(drawn)


class FloodChunks:
    """Chunks of which a quarter and more hold the largest rises; these weigh less in turn, as windows do."""

    def __init__(self, sampler: ChunkSampler, rising: NDArray[np.bool_]) -> None:
        part = float(rising.mean())
        self.share = RISING_SHARE + (1 - RISING_SHARE) * part
        self.floods, self.calm = copy.copy(sampler), copy.copy(sampler)
        self.floods.ends, self.calm.ends = sampler.ends[rising], sampler.ends[~rising]
        self.flood_weight, self.calm_weight = part / self.share, (1 - part) / (1 - self.share)

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch of `size` chunks, those with floods first."""
        floods = int(rng.binomial(size, self.share))
        drawn = []
        if floods:
            drawn.append(_weighted(self.floods.draw(rng, floods), self.flood_weight))
        if size > floods:
            drawn.append(_weighted(self.calm.draw(rng, size - floods), self.calm_weight))
        return joined(drawn)


def replay_sampler_of(series: Series, warm: WarmStart, networks: Networks) -> Sampler:
    """The sampler of a retraining."""
    new = sampler_of(with_spans(series, newer(series, warm.until)), warm.task, warm.start, networks)
    old = sampler_of(with_spans(series, older(series, warm.until)), warm.task, warm.start, networks)
    if isinstance(old, ChunkSampler):
        rising = rising_chunks(series, warm.task, old)
        old = FloodChunks(old, rising) if 0 < rising.sum() < len(rising) else old
    return ReplaySampler(new, old, warm.replay.share)


def rising_chunks(series: Series, task: Task, sampler: ChunkSampler) -> NDArray[np.bool_]:
    """Which chunks hold one of the largest rises over the longest horizon in their scored rows, a tenth: [chunks]."""
    if not len(sampler.ends):
        return np.zeros(0, np.bool_)
    level = np.asarray(series.values[:, task.target], np.float64)
    rise = np.append(np.nan_to_num(level[task.longest :] - level[: -task.longest], nan=0.0), np.zeros(task.longest))
    largest = _running_max(rise, sampler.scored)[sampler.ends]
    return np.asarray(largest > np.quantile(largest, RISING_QUANTILE))


def joined(batches: list[Batch]) -> Batch:
    """One batch of several."""
    parts = [(batch.inputs, batch.wanted, batch.weights) for batch in batches]
    inputs, wanted, weights = (
        {name: np.concatenate([own[name] for own in group]) for name in group[0]} for group in zip(*parts, strict=True)
    )
    return Batch(inputs, wanted, weights, sum(batch.targets for batch in batches))


def _weighted(batch: Batch, weight: float) -> Batch:
    weights = {name: own * np.float32(weight) for name, own in batch.weights.items()}
    return Batch(batch.inputs, batch.wanted, weights, batch.targets)


def _running_max(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Largest of the last `length` values at each row, by doubling: [n]."""
    found, reach = values.copy(), 1
    while reach < length:
        step = min(reach, length - reach)
        found[step:] = np.maximum(found[step:], found[:-step])
        reach += step
    return found
