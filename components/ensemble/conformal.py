"""Bands that hold what they promise: conformalised quantile regression, one width for each horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Band:
    """Lower and upper quantile, each [n, horizons], the target's unit."""

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]

    def widened(self, widths: NDArray[np.float32]) -> Band:
        """The band with `widths` [horizons] put on both sides; a negative width narrows it."""
        return Band(self.lower - widths, self.upper + widths)

    def coverage(self, actual: NDArray[np.float32]) -> NDArray[np.float64]:
        """Share of the known `actual` [n, horizons] inside the band, [horizons]; NaN where none is known."""
        known = np.isfinite(actual)
        inside = known & (actual >= self.lower) & (actual <= self.upper)
        count = known.sum(axis=0)
        return np.where(count > 0, inside.sum(axis=0) / np.maximum(count, 1), np.nan)


def conformal_widths(band: Band, actual: NDArray[np.float32], nominal: float) -> NDArray[np.float32]:
    """Width to put on both sides so that a share `nominal` is covered, [horizons].

    The (1 - alpha)(1 + 1/n) quantile of max(lower - y, y - upper): Romano, Patterson and Candès, "Conformalized
    Quantile Regression", NeurIPS 2019, section 3. A horizon whose actual is never known gets no width.

    Args:
        band: of forecasts that were not fitted on these origins.
        actual: [n, horizons], NaN where not observed.
        nominal: the share that the band promises to cover.
    """
    scores = np.maximum(band.lower - actual, actual - band.upper)
    return np.array([_level(column[np.isfinite(column)], nominal) for column in scores.T], np.float32)


def _level(scores: NDArray[np.float32], nominal: float) -> float:
    if not len(scores):
        return 0.0
    share = min(1.0, nominal * (1 + 1 / len(scores)))
    return float(np.quantile(scores, share, method="higher"))
