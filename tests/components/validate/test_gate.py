from dataclasses import replace

import numpy as np
import pytest

from components.dataset.schema import Gate
from components.validate import metrics
from components.validate.bootstrap import Difference
from components.validate.gate import Evidence, RuleResult, Served, Unmeasured, judge
from components.validate.scores import Errors, ModelScore, Scores


def model(rmse: float) -> ModelScore:
    return ModelScore(mae=rmse, rmse=rmse, by_horizon={"1": Errors(mae=rmse, rmse=rmse)})


def scores(coverage: float = 0.9, **rmse: float) -> Scores:
    return Scores({name: model(value) for name, value in rmse.items()}, coverage, 0.9)


GOOD = Evidence(
    scores=scores(ensemble=1.0, linear=1.0, persistence=2.0),
    champion=Unmeasured("there is no champion yet"),
    spikes=Unmeasured("the test part holds no spikes"),
    latency_ms=5.0,
    served=Served(True, 0.25, "inprocess"),
    unit="m",
)
PERSISTENCE, LINEAR, CHAMPION, SPIKES, COVERAGE, LATENCY, SERVED = range(7)


def rule(evidence: Evidence, position: int, gate: Gate | None = None) -> RuleResult:
    return judge(gate or Gate(), evidence).rules[position]


def test_ties_and_what_cannot_be_measured_pass() -> None:
    result = judge(Gate(), GOOD)
    assert result.passed
    assert [found.measured is None for found in result.rules] == [False, False, True, True, False, False, False]
    assert result.rules[LINEAR].measured == 0.0
    assert result.rules[CHAMPION].as_json()["measured"] == "not measured"


def test_worse_than_persistence_is_refused_and_says_so() -> None:
    worse = rule(replace(GOOD, scores=scores(ensemble=3.0, persistence=2.0)), PERSISTENCE)
    assert not worse.passed
    assert worse.measured == pytest.approx(-0.5)
    assert "-0.5, wanted >= 0: FAILED" in worse.line()


def test_a_run_without_a_linear_member_passes_unmeasured() -> None:
    found = rule(replace(GOOD, scores=scores(ensemble=1.0, persistence=2.0)), LINEAR)
    assert (found.measured, found.passed) == (None, True)


@pytest.mark.parametrize(("low", "high", "passed"), [(0.1, 0.3, False), (-0.1, 0.3, True), (0.0, 0.0, True)])
def test_only_an_interval_wholly_above_zero_is_worse_than_the_champion(low: float, high: float, passed: bool) -> None:
    difference = Difference(rmse=1.2, other_rmse=1.0, low=low, high=high, windows=100)
    assert rule(replace(GOOD, champion=difference), CHAMPION).passed is passed


@pytest.mark.parametrize(("wanted", "passed"), [(0.5, True), (0.6, False)])
def test_spike_recall_at_the_false_alarm_rate(wanted: float, passed: bool) -> None:
    detection = metrics.detect(np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1]))
    assert detection is not None
    found = rule(replace(GOOD, spikes=detection), SPIKES, Gate(spike_recall=wanted, false_alarm_rate=0.4))
    assert (found.measured, found.passed) == (0.5, passed)


@pytest.mark.parametrize(("coverage", "passed"), [(0.8, True), (1.0, True), (0.79, False), (0.6, False)])
def test_coverage_may_be_off_by_the_tolerance_in_both_directions(coverage: float, passed: bool) -> None:
    found = replace(GOOD, scores=scores(coverage, ensemble=1.0, persistence=2.0))
    assert rule(found, COVERAGE).passed is passed


@pytest.mark.parametrize(("latency", "passed"), [(10.0, True), (10.1, False)])
def test_latency(latency: float, passed: bool) -> None:
    assert rule(replace(GOOD, latency_ms=latency), LATENCY, Gate(latency_ms=10)).passed is passed


def test_one_failed_rule_refuses() -> None:
    result = judge(Gate(latency_ms=1), GOOD)
    assert not result.passed
    assert [found.name for found in result.failures] == ["latency of one window"]


def test_a_candidate_that_a_server_cannot_load_is_refused_with_what_went_wrong() -> None:
    unloaded = rule(replace(GOOD, served=Served(False, None, "tfserving: the server ended with status 1")), SERVED)
    assert not unloaded.passed
    assert "the server ended" in unloaded.line()


def test_a_candidate_whose_served_answers_differ_from_keras_is_refused() -> None:
    assert not rule(replace(GOOD, served=Served(False, 3.0, "inprocess")), SERVED).passed
    assert rule(replace(GOOD, served=Unmeasured("no server")), SERVED).passed
