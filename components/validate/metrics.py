"""Measures of forecasts: plain functions of arrays, each with its formula and source.

`actual` and `forecast` are arrays of one shape in the target's unit; pairs with a NaN on either side are left out.
A measure of nothing is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pairs(actual: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    """Both arrays, flat, float64, without the positions where either is NaN."""
    left = np.asarray(actual, np.float64).ravel()
    right = np.asarray(forecast, np.float64).ravel()
    known = np.isfinite(left) & np.isfinite(right)
    return left[known], right[known]


def mae(actual: Floats, forecast: Floats) -> float:
    """Mean absolute error: mean |forecast - actual|, target's unit."""
    left, right = pairs(actual, forecast)
    return float(np.abs(right - left).mean()) if left.size else float("nan")


def rmse(actual: Floats, forecast: Floats) -> float:
    """Root mean squared error: sqrt(mean (forecast - actual)^2), target's unit."""
    left, right = pairs(actual, forecast)
    return float(np.sqrt(np.square(right - left).mean())) if left.size else float("nan")


def bias(actual: Floats, forecast: Floats) -> float:
    """Mean error: mean (forecast - actual), target's unit; positive where forecasts are too high."""
    left, right = pairs(actual, forecast)
    return float((right - left).mean()) if left.size else float("nan")


def nse(actual: Floats, forecast: Floats) -> float:
    """Nash-Sutcliffe efficiency: 1 - sum (forecast - actual)^2 / sum (actual - mean actual)^2.

    1 is perfect, 0 is as good as the mean of the actuals. NaN where the actuals don't vary.
    Source: Nash & Sutcliffe (1970), Journal of Hydrology 10, 282-290, eq. 3.
    """
    left, right = pairs(actual, forecast)
    spread = float(np.square(left - left.mean()).sum()) if left.size else 0.0
    return 1.0 - float(np.square(right - left).sum()) / spread if spread > 0 else float("nan")


def kge(actual: Floats, forecast: Floats) -> float:
    """Kling-Gupta efficiency: 1 - sqrt((r - 1)^2 + (alpha - 1)^2 + (beta - 1)^2).

    r is the correlation, alpha the ratio of standard deviations, beta the ratio of means (forecast / actual). NaN where
    a standard deviation or the mean of the actuals is 0.
    Source: Gupta, Kling, Yilmaz & Martinez (2009), Journal of Hydrology 377, 80-91, eq. 9.
    """
    left, right = pairs(actual, forecast)
    if left.size < 2 or left.std() == 0 or right.std() == 0 or left.mean() == 0:
        return float("nan")
    correlation = float(np.corrcoef(left, right)[0, 1])
    alpha = float(right.std() / left.std())
    beta = float(right.mean() / left.mean())
    return 1.0 - float(np.sqrt((correlation - 1) ** 2 + (alpha - 1) ** 2 + (beta - 1) ** 2))


def skill(error: float, reference_error: float) -> float:
    """Skill score: 1 - error / error of the reference.

    Two errors of 0 are a tie, skill 0. NaN where only the reference is perfect.
    Source: Murphy (1988), Monthly Weather Review 116, 2417-2424.
    """
    if error == reference_error:
        return 0.0
    return 1.0 - error / reference_error if reference_error > 0 else float("nan")


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Share of actuals inside the band: mean [lower <= actual <= upper]."""
    known = np.isfinite(actual) & np.isfinite(lower) & np.isfinite(upper)
    inside = (lower <= actual) & (actual <= upper)
    return float(inside[known].mean()) if known.any() else float("nan")


def band_width(lower: Floats, upper: Floats) -> float:
    """Mean width of the band: mean (upper - lower), target's unit."""
    width = np.asarray(upper, np.float64) - np.asarray(lower, np.float64)
    return float(np.nanmean(width)) if np.isfinite(width).any() else float("nan")


def interval_score(actual: Floats, lower: Floats, upper: Floats, nominal: float) -> float:
    """Winkler's interval score: mean width + 2 / a * (distance outside the band), a = 1 - nominal; less is better.

    Sources: Winkler (1972), JASA 67, 187-191; Gneiting & Raftery (2007), JASA 102, 359-378, eq. 43.
    """
    miss = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    score = (upper - lower) + 2.0 / (1.0 - nominal) * miss
    return float(np.nanmean(score)) if np.isfinite(score).any() else float("nan")


@dataclass(frozen=True)
class Detection:
    """How well a probability finds events, at each threshold from the highest down.

    Attributes:
        threshold: [thresholds], an event is called where the probability is at least this.
        recall: [thresholds], events called / events; also called probability of detection (POD).
        precision: [thresholds], events called / calls; 1 - false alarm ratio (FAR).
        false_alarm_rate: [thresholds], calm cases called / calm cases.
        csi: [thresholds], critical success index: hits / (hits + misses + false alarms).
        events: number of events.
        cases: number of cases.
    """

    threshold: Floats
    recall: Floats
    precision: Floats
    false_alarm_rate: Floats
    csi: Floats
    events: int
    cases: int


def detect(labels: Floats, probability: Floats) -> Detection | None:
    """The detection curve of `labels` (1 event, 0 calm, NaN unknown) and `probability`, both [cases].

    Cases with the same probability are called together. None where there are no events or no calm cases.
    Source of the measures: Schaefer (1990), Weather and Forecasting 5, 570-575.
    """
    truth, score = pairs(labels, probability)
    events = int(truth.sum())
    calm = truth.size - events
    if events == 0 or calm == 0:
        return None
    order = np.argsort(-score, kind="stable")
    truth, score = truth[order], score[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(score)), truth.size - 1)
    hits = np.cumsum(truth)[last_of_ties]
    calls = last_of_ties + 1.0
    alarms = calls - hits
    return Detection(
        threshold=score[last_of_ties],
        recall=hits / events,
        precision=hits / calls,
        false_alarm_rate=alarms / calm,
        csi=hits / (events + alarms),
        events=events,
        cases=truth.size,
    )


def average_precision(detection: Detection) -> float:
    """Area under the precision-recall curve: sum (recall_k - recall_{k-1}) * precision_k, without interpolation.

    Source: Manning, Raghavan & Schuetze (2008), Introduction to Information Retrieval, section 8.4.
    """
    steps = np.diff(detection.recall, prepend=0.0)
    return float((steps * detection.precision).sum())


def operating_point(detection: Detection, false_alarm_rate: float) -> int | None:
    """Index of the threshold that calls the most events at a false-alarm rate of at most the one given.

    Of several that call as many, the one with the fewest false alarms; None where none calls so few.
    """
    allowed = np.flatnonzero(detection.false_alarm_rate <= false_alarm_rate)
    return int(np.argmax(detection.recall[allowed])) if allowed.size else None


def recall_at(detection: Detection, false_alarm_rate: float) -> float:
    """Highest share of events called while at most `false_alarm_rate` of the calm cases are; 0 where none can be."""
    point = operating_point(detection, false_alarm_rate)
    return float(detection.recall[point]) if point is not None else 0.0
