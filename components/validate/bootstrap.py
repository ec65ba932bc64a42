"""Is one model worse than another, or is it noise? A paired block bootstrap says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """RMSE of one model less RMSE of another on the same windows, with its interval; all in the target's unit."""

    rmse: float
    other_rmse: float
    low: float
    high: float
    windows: int

    @property
    def estimate(self) -> float:
        """The difference itself; negative where the first model is better."""
        return self.rmse - self.other_rmse


@dataclass(frozen=True)
class Blocks:
    """How the bootstrap draws.

    Attributes:
        length: windows in one block; at least as many steps as errors stay correlated over (window and horizon).
        draws: number of resampled sets.
        confidence: share of draws between the interval's ends.
    """

    length: int
    draws: int = 2000
    confidence: float = 0.9


def rmse_difference(errors: Floats, others: Floats, blocks: Blocks, generator: np.random.Generator) -> Difference:
    """Interval of `RMSE(errors) - RMSE(others)` by the paired circular moving-block bootstrap.

    Errors of neighbouring windows are correlated, so whole blocks of windows in time order are drawn, the same for both
    models. Blocks wrap around the end, so that each window is drawn equally often.
    Sources: Kuensch (1989), Annals of Statistics 17, 1217-1241; Politis & Romano (1992), "A circular block-resampling
    procedure for stationary data".

    Args:
        errors: [windows, horizons], forecast less actual in time order; NaN where not known.
        others: [windows, horizons], the other model's errors on the same windows.
        blocks: how to draw.
        generator: source of randomness.
    """
    known = np.isfinite(errors) & np.isfinite(others)
    sums = np.stack(
        [
            np.where(known, np.square(errors), 0.0).sum(axis=1),
            np.where(known, np.square(others), 0.0).sum(axis=1),
            known.sum(axis=1),
        ]
    )
    total = sums.sum(axis=1)
    drawn = _draw_sums(sums, blocks, generator)
    drawn = drawn[:, drawn[2] > 0]
    differences = np.sqrt(drawn[0] / drawn[2]) - np.sqrt(drawn[1] / drawn[2])
    tail = (1 - blocks.confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return Difference(
        rmse=float(np.sqrt(total[0] / total[2])),
        other_rmse=float(np.sqrt(total[1] / total[2])),
        low=float(low),
        high=float(high),
        windows=int(np.count_nonzero(known.any(axis=1))),
    )


def _draw_sums(sums: Floats, blocks: Blocks, generator: np.random.Generator) -> Floats:
    """[3, draws]: sums over the windows of each draw; a block's sum is a difference of cumulative sums."""
    windows = sums.shape[1]
    length = min(blocks.length, windows)
    wrapped = np.concatenate([np.zeros((3, 1)), np.cumsum(np.tile(sums, 2), axis=1)], axis=1)
    starts = generator.integers(0, windows, size=(blocks.draws, -(-windows // length)))
    drawn = wrapped[:, starts + length] - wrapped[:, starts]
    # Differences of cumulative sums can fall a rounding error below zero.
    return np.asarray(np.maximum(drawn.sum(axis=2), 0.0))
