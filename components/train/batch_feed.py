"""Batches drawn one ahead of training, in a thread of their own, in the order of one generator."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from components.train.sampling import Batch, Sampler


class BatchFeed:
    """Gives batches; the one after is being drawn meanwhile, so that a fast device need not wait for it."""

    def __init__(self, sampler: Sampler, generator: np.random.Generator, size: int) -> None:
        self.sampler, self.size = sampler, size
        self._generator = generator
        # The generator runs a batch ahead; a checkpoint needs its state after the batches that were used.
        self._used: dict[str, Any] = dict(generator.bit_generator.state)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._ahead: Future[tuple[Batch, dict[str, Any]]] | None = None

    def draw(self) -> Batch:
        """The next batch."""
        ahead = self._ahead or self._pool.submit(self._drawn)
        batch, self._used = ahead.result()
        self._ahead = self._pool.submit(self._drawn)
        return batch

    @property
    def state(self) -> dict[str, Any]:
        """State of the generator after the last batch that was given."""
        return dict(self._used)

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        if self._ahead is not None:
            self._ahead.result()
            self._ahead = None
        self._generator.bit_generator.state = state
        self._used = dict(state)

    def _drawn(self) -> tuple[Batch, dict[str, Any]]:
        batch = self.sampler.draw(self._generator, self.size)
        return batch, dict(self._generator.bit_generator.state)
