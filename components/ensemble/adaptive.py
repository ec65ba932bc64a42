"""Adaptive conformal bands: widths that follow the share of actuals they cover, with the truth as late as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.ensemble.conformal import Band, Widths, conformity_scores

Floats = NDArray[np.float32]
Times = NDArray[np.int64]

# Share of the scores' upper spread that a missed actual moves the width by. Of .01 to .3, the step with the lowest
# interval score at a coverage within one percent, on rivers, a transformer and made-up drifts.
STEP = 0.03
# Feedback that comes late must be weaker, or the width swings: the step times the delay stays below this.
MOST_DELAYED_STEP = 4.0
# Updates of all horizons together: a million origins take seconds.
MOST_UPDATES = 200_000


@dataclass(frozen=True)
class Origins:
    """Forecasts of a part, and what came of them.

    Attributes:
        band: [n, horizons] without widths, of weights that were not fitted on these origins.
        actual: [n, horizons], NaN where not observed.
        times: [n] time of each origin in steps; several series may share times.
    """

    band: Band
    actual: Floats
    times: Times


@dataclass(frozen=True)
class Replay:
    """What adaptive widths would have been.

    Attributes:
        widths: in force at each test origin, factors [n, horizons].
        last: after every truth has come in: what is served next, factors [horizons].
    """

    widths: Widths
    last: Widths


def replay(past: Origins, test: Origins, start: Widths, horizons: tuple[int, ...], nominal: float) -> Replay:
    """Replays validation and then test in time order; at each origin only truths are known that are `horizon` old.

    The width follows the gradient of the pinball loss: up by step x nominal when an actual was missed, down by step x
    (1 - nominal) when it was inside. This is adaptive conformal inference (Gibbs and Candès, NeurIPS 2021) with the
    width itself as state: the quantile tracker of Angelopoulos, Candès and Tibshirani, "Conformal PID Control for Time
    Series Prediction", NeurIPS 2023, section 2.1, whose coverage comes to `nominal` whatever the errors do.

    A panel has one width, as its servable doesn't know which series it is asked about; series that share a time count
    as one truth together.

    Args:
        past: validation origins.
        test: test origins.
        start: widths fitted on validation; their floors are kept.
        horizons: steps.
        nominal: the share that the band promises to cover.
    """
    times = np.concatenate([past.times, test.times])
    order = np.argsort(times, kind="stable")
    scores = np.concatenate([conformity_scores(part.band, part.actual, start.floors) for part in (past, test)])
    moments = _Moments.of(times[order], len(horizons))
    factors = np.empty(scores.shape, np.float32)
    last = np.empty(len(horizons), np.float32)
    for column, horizon in enumerate(horizons):
        spread = _spread(scores[: len(past.times), column])
        tracker = _Tracker(float(start.factors[column]), spread, nominal)
        factors[order, column], last[column] = moments.track(tracker, scores[order, column], horizon)
    return Replay(Widths(factors[len(past.times) :], start.floors), Widths(last, start.floors))


@dataclass(frozen=True)
class _Tracker:
    """Where a horizon's factor starts, the spread that its steps are measured in, and the share to cover."""

    start: float
    spread: float
    nominal: float


@dataclass(frozen=True)
class _Moments:
    """Origins in time order, and when the width is updated.

    Attributes:
        times: [n], ascending.
        weights: [n], one over how many origins share the time.
        updates: [updates] times at which the widths may change, ascending.
        every: steps between two updates.
    """

    times: Times
    weights: NDArray[np.float64]
    updates: Times
    every: int

    @classmethod
    def of(cls, times: Times, horizons: int) -> _Moments:
        _, position, count = np.unique(times, return_inverse=True, return_counts=True)
        length = int(times[-1] - times[0]) + 1 if len(times) else 1
        every = max(1, -(-length * horizons // MOST_UPDATES))
        updates = times[0] + np.arange(0, length, every) if len(times) else times
        return cls(times, 1.0 / count[position], updates, every)

    def track(self, tracker: _Tracker, scores: NDArray[np.float64], horizon: int) -> tuple[Floats, np.float32]:
        """Factor in force at each origin [n], and the one after all truths."""
        first = np.searchsorted(self.times, self.updates)
        known = np.searchsorted(self.times, self.updates - horizon, side="right")
        starts, ends = [*first.tolist(), len(scores)], [*known.tolist(), len(scores)]
        size = min(STEP, MOST_DELAYED_STEP / (horizon + self.every)) * tracker.spread
        # A truth that isn't known teaches nothing.
        weights = np.where(np.isfinite(scores), self.weights, 0.0)
        seen, factor = 0, tracker.start
        factors = np.empty(len(scores), np.float32)
        for position, end in enumerate(ends):
            if end > seen:
                missed = scores[seen:end] > factors[seen:end]
                factor += size * float(weights[seen:end] @ (missed - (1 - tracker.nominal)))
                seen = end
            if position < len(starts) - 1:
                factors[starts[position] : starts[position + 1]] = factor
        return factors, np.float32(factor)


def _spread(scores: NDArray[np.float64]) -> float:
    """From the median to the 95 % quantile of the scores; above zero."""
    known = scores[np.isfinite(scores)]
    if not len(known):
        return 1.0
    low, high = np.quantile(known, (0.5, 0.95))
    return max(float(high - low), 1e-9)
