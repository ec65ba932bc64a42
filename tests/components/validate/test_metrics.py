import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from components.validate import metrics

ACTUAL = np.array([1.0, 2.0, 3.0, 4.0])
FORECAST = np.array([1.0, 2.0, 3.0, 6.0])


def test_errors_by_hand() -> None:
    assert metrics.mae(ACTUAL, FORECAST) == 0.5
    assert metrics.rmse(ACTUAL, FORECAST) == 1.0
    assert metrics.bias(ACTUAL, FORECAST) == 0.5
    assert metrics.nse(ACTUAL, FORECAST) == pytest.approx(1 - 4 / 5)


def test_pairs_with_an_unknown_side_are_left_out() -> None:
    assert metrics.mae(np.array([1.0, np.nan, 3.0]), np.array([2.0, 2.0, np.nan])) == 1.0
    assert math.isnan(metrics.rmse(np.array([np.nan]), np.array([1.0])))


def test_kge_is_1_for_a_perfect_forecast_and_sees_a_wrong_spread() -> None:
    assert metrics.kge(ACTUAL, ACTUAL) == pytest.approx(1.0)
    doubled = ACTUAL.mean() + 2 * (ACTUAL - ACTUAL.mean())
    assert metrics.kge(ACTUAL, doubled) == pytest.approx(0.0)


def test_skill() -> None:
    assert metrics.skill(0.5, 1.0) == 0.5
    assert metrics.skill(0.0, 0.0) == 0.0
    assert math.isnan(metrics.skill(1.0, 0.0))


def test_band_by_hand() -> None:
    lower, upper = ACTUAL - np.array([1, 1, -1, 1]), ACTUAL + 2
    assert metrics.coverage(ACTUAL, lower, upper) == 0.75
    assert metrics.band_width(lower, upper) == pytest.approx(2.5)
    # One of four lies 1 below its band: 2 / (1 - 0.8) * 1 / 4 on top of the width.
    assert metrics.interval_score(ACTUAL, lower, upper, 0.8) == pytest.approx(2.5 + 2.5)


def test_detection_by_hand() -> None:
    detection = metrics.detect(np.array([1, 0, 1, 0, 0, np.nan]), np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.99]))
    assert detection is not None
    assert (detection.events, detection.cases) == (2, 5)
    np.testing.assert_allclose(detection.recall, [0.5, 0.5, 1, 1, 1])
    np.testing.assert_allclose(detection.false_alarm_rate, [0, 1 / 3, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(detection.csi, [1 / 2, 1 / 3, 2 / 3, 2 / 4, 2 / 5])
    assert metrics.recall_at(detection, 0.0) == 0.5
    assert metrics.recall_at(detection, 1 / 3) == 1.0
    assert metrics.operating_point(detection, 1.0) == 2


def test_no_point_is_allowed_where_the_highest_probability_is_a_false_alarm() -> None:
    detection = metrics.detect(np.array([0.0, 1.0]), np.array([0.9, 0.1]))
    assert detection is not None
    assert metrics.recall_at(detection, 0.5) == 0.0


@pytest.mark.parametrize("labels", [[0.0, 0.0], [1.0, 1.0], [np.nan, 1.0]])
def test_nothing_is_detected_where_one_class_is_missing(labels: list[float]) -> None:
    assert metrics.detect(np.array(labels), np.array([0.1, 0.9])) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_average_precision_equals_scikit_learns(cases: list[tuple[bool, int]]) -> None:
    labels = np.array([float(event) for event, _ in cases])
    probability = np.array([value / 5 for _, value in cases])
    detection = metrics.detect(labels, probability)
    if detection is not None:
        expected = average_precision_score(labels, probability)
        assert metrics.average_precision(detection) == pytest.approx(expected)
