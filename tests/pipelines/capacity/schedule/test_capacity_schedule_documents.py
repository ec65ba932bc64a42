"""The documents' schedules: cycles of five members, five folds, weight experiments (sections 6 and 9)."""

from __future__ import annotations

import pytest

from components.errors import InputError
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.simulate import disagreements
from pipelines.capacity.schedule.ways import best, longest_first, sequential, waves
from pipelines.capacity.schedule.workloads import (
    Training,
    cached_experiments,
    cross_validation,
    ensemble,
    retrained_experiments,
)

HOUR = 3_600
GB = 10**9
# One model on one card, in hours (v100-options).
HOURS = {"V100": 1.2, "T4": 2.5, "P40": 4.0, "P100": 2.8}
MEMORY = {"V100": 32, "T4": 16, "P40": 24, "P100": 16}
NAMES = ("lstm", "gru", "cnn_lstm", "spike", "rule_based")
MEMBERS = [Training(name, {kind: hours * HOUR for kind, hours in HOURS.items()}, 12 * GB) for name in NAMES]


def cards(kind: str, count: int) -> tuple[CardSlot, ...]:
    return tuple(CardSlot(f"{kind.lower()}-{number}", kind, MEMORY[kind] * GB) for number in range(count))


def hours(schedule: Schedule) -> float:
    assert not schedule.unplaced
    return schedule.makespan_seconds / HOUR


def problem(kind: str, count: int, jobs: tuple[Job, ...]) -> Problem:
    return Problem(cards(kind, count), jobs)


def test_five_members_one_after_the_other_on_a_v100_take_six_hours() -> None:
    given = problem("V100", 1, ensemble(MEMBERS))
    plan = sequential(given, "v100-0")
    assert hours(plan) == 6.0
    assert [placement.job for placement in plan.placements] == [f"ensemble/{name}" for name in NAMES]
    assert disagreements(given, plan) == ()


@pytest.mark.parametrize(
    ("kind", "count", "computed"),
    [
        ("V100", 1, 6.0),
        ("V100", 2, 3.6),
        ("T4", 4, 5.0),
        ("T4", 6, 2.5),
        ("P40", 3, 8.0),
        ("P40", 4, 8.0),
        ("P100", 4, 5.6),
        ("P100", 5, 2.8),
    ],
)
def test_a_cycle_of_five_members_in_waves_is_the_recomputed_one_and_none_is_shorter(
    kind: str, count: int, computed: float
) -> None:
    given = problem(kind, count, ensemble(MEMBERS))
    for plan in (waves(given), longest_first(given), best(given, time_limit_seconds=1)):
        assert hours(plan) == pytest.approx(computed)
        assert plan.proven_best
        assert disagreements(given, plan) == ()


@pytest.mark.parametrize(("count", "computed"), [(1, 30.0), (2, 15.6)])
def test_five_folds_of_five_members_are_25_trainings(count: int, computed: float) -> None:
    given = problem("V100", count, cross_validation(MEMBERS))
    assert len(given.jobs) == 25
    for plan in (waves(given), longest_first(given)):
        assert hours(plan) == computed
        assert plan.proven_best


@pytest.mark.parametrize(("count", "one", "two"), [(50, 300, 180), (100, 600, 360)])
def test_experiments_that_retrain_in_turn_cost_a_cycle_each(count: int, one: float, two: float) -> None:
    jobs = retrained_experiments(count, MEMBERS, in_turn=True)
    assert hours(longest_first(problem("V100", 1, jobs))) == one
    assert hours(longest_first(problem("V100", 2, jobs))) == two


def test_experiments_that_need_not_wait_for_one_another_fill_the_second_card() -> None:
    jobs = retrained_experiments(50, MEMBERS, in_turn=False)
    assert hours(longest_first(problem("V100", 2, jobs))) == 150


def test_cached_experiments_take_seconds_each() -> None:
    jobs = cached_experiments(100, {"cpu": 3.0}, 0)
    plan = longest_first(Problem((CardSlot("cpu", "cpu", GB),), jobs))
    assert plan.makespan_seconds == 300


def test_on_mixed_kinds_jobs_wait_for_a_fast_card_where_that_ends_sooner() -> None:
    given = Problem((*cards("V100", 1), *cards("P40", 1)), ensemble(MEMBERS[:3]))
    plan = longest_first(given)
    # Taking the free P40 would end after 4 h.
    assert hours(plan) == pytest.approx(3.6)
    assert {placement.card for placement in plan.placements} == {"v100-0"}


def test_sequential_names_an_unknown_card_and_a_job_that_is_pinned_elsewhere() -> None:
    given = problem("V100", 2, (Job("a", "", {"V100": 5}, 0, cards=("v100-1",)),))
    with pytest.raises(InputError, match="card t4-0: isn't there"):
        sequential(given, "t4-0")
    with pytest.raises(InputError, match="job a: is pinned to v100-1"):
        sequential(given, "v100-0")
