"""Bands that hold what they promise: conformalised quantile regression, one width for each horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# A floor in units of the mean error: a member that is sure of itself for no reason still gets a width.
FLOOR_SHARE = 0.5


@dataclass(frozen=True)
class Widths:
    """What is put on both sides of a band: factor x (the band's own width + floor); negative factors narrow it.

    Relative to the band, so that a width found on calm days grows with the band in a storm, and one set of widths
    fits the large and the small series of a panel.

    Attributes:
        factors: [horizons], or [n, horizons] where they change from origin to origin.
        floors: [horizons], the target's unit.
    """

    factors: Floats
    floors: Floats

    def on(self, band: Band) -> Floats:
        """What is put on each side of a band, [n, horizons], the target's unit."""
        return np.asarray(self.factors * (band.upper - band.lower + self.floors), np.float32)


@dataclass(frozen=True)
class Band:
    """Lower and upper quantile, each [n, horizons], the target's unit."""

    lower: Floats
    upper: Floats

    def widened(self, widths: Widths) -> Band:
        """The band with the widths put on both sides."""
        extra = widths.on(self)
        return Band(self.lower - extra, self.upper + extra)

    def coverage(self, actual: Floats) -> NDArray[np.float64]:
        """Share of the known `actual` [n, horizons] inside the band, [horizons]; NaN where none is known."""
        known = np.isfinite(actual)
        inside = known & (actual >= self.lower) & (actual <= self.upper)
        count = known.sum(axis=0)
        return np.where(count > 0, inside.sum(axis=0) / np.maximum(count, 1), np.nan)


def floors_of(band: Band, actual: Floats) -> Floats:
    """Half the mean error of the band's middle, [horizons]; above zero."""
    error = np.abs((band.lower + band.upper) / 2 - actual)
    known = np.isfinite(error)
    mean = np.where(known, error, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.maximum(FLOOR_SHARE * mean, 1e-6), np.float32)


def conformity_scores(band: Band, actual: Floats, floors: Floats) -> NDArray[np.float64]:
    """The factor that would just have covered each actual, [n, horizons]; NaN where it isn't known."""
    away = np.maximum(band.lower - actual, actual - band.upper).astype(np.float64)
    return np.asarray(away / (band.upper - band.lower + floors))


def conformal_widths(band: Band, actual: Floats, nominal: float) -> Widths:
    """Widths that cover a share `nominal` of the actuals.

    The (1 - alpha)(1 + 1/n) quantile of max(lower - y, y - upper), here in units of the band's width: Romano,
    Patterson and Candès, "Conformalized Quantile Regression", NeurIPS 2019, section 3. A horizon whose actual is never
    known gets no width.

    Args:
        band: of forecasts that were not fitted on these origins.
        actual: [n, horizons], NaN where not observed.
        nominal: the share that the band promises to cover.
    """
    floors = floors_of(band, actual)
    scores = conformity_scores(band, actual, floors)
    factors = [_level(column[np.isfinite(column)], nominal) for column in scores.T]
    return Widths(np.array(factors, np.float32), floors)


def _level(scores: NDArray[np.float64], nominal: float) -> float:
    if not len(scores):
        return 0.0
    share = min(1.0, nominal * (1 + 1 / len(scores)))
    # Towards the wider side: single precision must not lose the score that is just covered.
    return float(np.nextafter(np.float32(np.quantile(scores, share, method="higher")), np.float32(np.inf)))
