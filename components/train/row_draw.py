"""Rows drawn at random for training: some more often than others, and as much lighter in turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

# Share of a batch drawn from the rows that come more often.
RISING_SHARE = 0.25


@dataclass(frozen=True)
class RowDraw:
    """Rows to draw from.

    Attributes:
        rows: [n] ascending.
        rising: those that are drawn more often; empty for none.
        weight: [n] what each counts, so that all together count as they would if drawn evenly.
    """

    rows: Rows
    rising: Rows
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, rows: Rows, rising: NDArray[np.bool_]) -> RowDraw:
        """A draw from rows [n], more often of those that rise [n]."""
        share = RISING_SHARE if rising.any() else 0.0
        odds = (1 - share) + share * len(rising) / max(int(rising.sum()), 1) * rising
        return cls(rows, rows[rising], np.asarray(1 / odds, np.float32))

    def draw(self, rng: np.random.Generator, size: int) -> Rows:
        """Rows at random, [size]."""
        eager = rng.random(size) < (RISING_SHARE if len(self.rising) else 0.0)
        rising = self.rising if len(self.rising) else self.rows
        return np.where(eager, rng.choice(rising, size), rng.choice(self.rows, size))

    def weights(self, drawn: Rows) -> NDArray[np.float32]:
        """What the drawn rows count, [size]."""
        return self.weight[np.searchsorted(self.rows, drawn)]
