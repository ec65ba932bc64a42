"""The probability of a spike: a logistic model of what the forecasts say, fitted on validation windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

LEAST_SPIKES = 2
# Without spikes to fit on: even odds where the forecast rise equals the spike's, odds of 1:55 where none is forecast.
FALLBACK_SLOPE = 4.0


@dataclass(frozen=True)
class SpikeModel:
    """probability = sigmoid(intercept + coefficients . features).

    Attributes:
        coefficients: of [spike logit where a member gives one, rise of the forecast, rise of the upper band].
        intercept: at no rise.
        method: how they were found.
        spikes: labelled spikes in validation.
        average_precision: on validation, None where there are no spikes.
    """

    coefficients: tuple[float, ...]
    intercept: float
    method: Literal["logistic", "fallback"]
    spikes: int
    average_precision: float | None


def spike_horizons(horizons: tuple[int, ...], within: int) -> int:
    """How many of the first horizons lie within a spike's time; at least the shortest."""
    return max(1, sum(horizon <= within for horizon in horizons))


def spike_features(
    band: NDArray[np.float32], level: NDArray[np.float32], rise: float, logit: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """[n, features]: the logit if any, then the highest rise of forecast and upper band in units of a spike's rise.

    Args:
        band: [n, horizons, 3] combined point, lower and upper, of the horizons within a spike's time.
        level: [n] the target at the origin.
        rise: rise that makes a spike, the target's unit.
        logit: [n] spike logit of a member, or None.
    """
    highest = (band[..., [0, 2]].max(axis=1) - level[:, None]) / rise
    return highest if logit is None else np.concatenate([logit[:, None], highest], axis=1)


def fit_spikes(features: NDArray[np.float32], labels: NDArray[np.float32]) -> SpikeModel:
    """Platt scaling (Platt, 1999) of several scores at once, by logistic regression.

    With fewer than two spikes, or two calm origins, nothing can be fitted: see `fallback`.

    Args:
        features: [n, features] of forecasts that were not fitted on these origins.
        labels: [n] 1 for a spike, 0 for none, NaN for not known.
    """
    known = np.isfinite(labels)
    spikes, calm = int((labels[known] == 1).sum()), int((labels[known] == 0).sum())
    if min(spikes, calm) < LEAST_SPIKES:
        return fallback(features.shape[1], spikes)
    wanted, given = labels[known].astype(int), features[known].astype(np.float64)
    coefficients, intercept = _rising(given, wanted)
    return SpikeModel(
        coefficients=tuple(float(value) for value in coefficients),
        intercept=intercept,
        method="logistic",
        spikes=spikes,
        average_precision=float(average_precision_score(wanted, given @ coefficients)),
    )


def _rising(features: NDArray[np.float64], labels: NDArray[np.int_]) -> tuple[NDArray[np.float64], float]:
    """Coefficients and intercept, no coefficient below zero.

    Each score says "more likely" by its meaning; one that comes out the other way round is noise, or only corrects
    another score, and is left out.
    """
    center, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    standard = (features - center) / scale
    kept = list(range(features.shape[1]))
    while kept:
        model = LogisticRegression().fit(standard[:, kept], labels)
        if model.coef_.min() >= 0:
            break
        del kept[int(model.coef_[0].argmin())]
    coefficients = np.zeros(features.shape[1])
    if kept:
        coefficients[kept] = model.coef_[0] / scale[kept]
        return coefficients, float(model.intercept_[0] - coefficients @ center)
    share = labels.mean()
    return coefficients, float(np.log(share / (1 - share)))


def fallback(features: int, spikes: int) -> SpikeModel:
    """A model that needs no fit: a member's own logit where there is one, else the forecast's rise."""
    if features == 3:
        return SpikeModel((1.0, 0.0, 0.0), 0.0, "fallback", spikes, None)
    return SpikeModel((FALLBACK_SLOPE, 0.0), -FALLBACK_SLOPE, "fallback", spikes, None)
