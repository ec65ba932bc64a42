"""Batches of a retraining: some from new readings, the rest replayed from old ones, floods more often."""

from __future__ import annotations

import numpy as np

from components.preprocess.generations import newer, older, with_spans
from components.preprocess.series import Series
from components.train.network import Networks
from components.train.sampling import Batch, Sampler, sampler_of
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


def replay_sampler_of(series: Series, warm: WarmStart, networks: Networks) -> Sampler:
    """The sampler of a retraining."""
    new = sampler_of(with_spans(series, newer(series, warm.until)), warm.task, warm.start, networks)
    old = sampler_of(with_spans(series, older(series, warm.until)), warm.task, warm.start, networks)
    return ReplaySampler(new, old, warm.replay.share)


def joined(batches: list[Batch]) -> Batch:
    """One batch of several."""
    parts = [(batch.inputs, batch.wanted, batch.weights) for batch in batches]
    inputs, wanted, weights = (
        {name: np.concatenate([own[name] for own in group]) for name in group[0]} for group in zip(*parts, strict=True)
    )
    return Batch(inputs, wanted, weights, sum(batch.targets for batch in batches))
