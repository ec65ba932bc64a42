"""The exact search finds what trying everything finds, says when it proves it, and does without OR-Tools."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.capacity.schedule.exact import NOT_INSTALLED
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem, Sharing
from pipelines.capacity.schedule.plan import cost
from pipelines.capacity.schedule.simulate import disagreements
from pipelines.capacity.schedule.ways import best, longest_first, waves
from pipelines.capacity.schedule.windows import DAY_SECONDS, Openings, windows_of

needs_solver = pytest.mark.skipif(find_spec("ortools") is None, reason="OR-Tools is not installed")
HOUR = 3_600
CARDS = (CardSlot("a", "V100", 10), CardSlot("b", "V100", 10), CardSlot("c", "T4", 10))


def job(name: str, v100: int, **more: Any) -> Job:
    return Job(name, "", {"V100": v100, **({"T4": 2 * v100} if more.pop("both", False) else {})}, 0, **more)


def longest(given: Job) -> float:
    return Openings.of(given.windows).longest_seconds


def least_cost(problem: Problem) -> tuple[tuple[int, int], ...]:
    """By trying every order of jobs on every choice of cards, each as early as it can.

    Some such plan is best where more lateness or a later end never pays (Brucker, Scheduling Algorithms, on regular
    objectives).
    """
    choices = [
        [card for card in problem.cards if card.kind in each.seconds and each.seconds[card.kind] <= longest(each)]
        for each in problem.jobs
    ]
    costs = []
    for cards in product(*choices):
        on = {each.name: card for each, card in zip(problem.jobs, cards, strict=True)}
        for order in permutations(problem.jobs):
            ends = _ends(order, on)
            if ends:
                costs.append(_cost(problem, ends))
    return min(costs)


def _ends(order: tuple[Job, ...], on: dict[str, CardSlot]) -> dict[str, int]:
    taken: dict[str, list[tuple[int, int]]] = {}
    ends: dict[str, int] = {}
    for each in order:
        if not all(before in ends for before in each.after):
            return {}
        length, busy = int(each.seconds[on[each.name].kind]), [*taken.get(on[each.name].name, [])]
        for thing in each.holds:
            busy += taken.get(thing, [])
        at, openings = max([each.release_s, *(ends[before] for before in each.after)]), Openings.of(each.windows)
        while any(at < end and begin < at + length for begin, end in busy) or openings.room(at) < length:
            later = [end for begin, end in busy if at < end and begin < at + length]
            at = min(later) if later else int(openings.next_begin(at))
        for thing in (on[each.name].name, *each.holds):
            taken.setdefault(thing, []).append((at, at + length))
        ends[each.name] = at + length
    return ends


def _cost(problem: Problem, ends: dict[str, int]) -> tuple[tuple[int, int], ...]:
    levels = []
    for level in sorted({each.priority for each in problem.jobs}, reverse=True):
        own = [each for each in problem.jobs if each.priority == level]
        late = sum(max(0, ends[each.name] - each.deadline_s) for each in own if each.deadline_s is not None)
        levels.append((late, max(ends[each.name] for each in own)))
    return tuple(levels)


@st.composite
def small(draw: st.DrawFn) -> Problem:
    night = windows_of("20:00-08:00")
    jobs = tuple(
        job(
            f"job {number}",
            draw(st.integers(1, 8)) * HOUR,
            both=draw(st.booleans()),
            priority=draw(st.integers(0, 1)),
            release_s=draw(st.sampled_from((0, 0, 3 * HOUR))),
            deadline_s=draw(st.none() | st.integers(2, 20).map(lambda hours: hours * HOUR)),
            windows=draw(st.sampled_from(((), (), (), night))),
            after=(f"job {number - 1}",) if number and draw(st.booleans()) and draw(st.booleans()) else (),
            holds=draw(st.sampled_from(((), (), ("store",)))),
        )
        for number in range(draw(st.integers(2, 4)))
    )
    return Problem(draw(st.sampled_from((CARDS, CARDS[:2], CARDS[:1], CARDS[1:]))), jobs)


@needs_solver
@given(small())
@settings(max_examples=25, deadline=None)
def test_the_exact_search_finds_what_trying_everything_finds(problem: Problem) -> None:
    plan = best(problem, time_limit_seconds=20)
    assert plan.proven_best
    assert cost(problem, plan) == least_cost(problem)
    assert disagreements(problem, plan) == ()


@needs_solver
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_where_order_changes_nothing_the_assignment_is_best_too(minutes: list[int], cards: int) -> None:
    jobs = tuple(job(f"job {number}", 60 * each) for number, each in enumerate(minutes))
    problem = Problem(tuple(CardSlot(f"card {number}", "V100", 0) for number in range(cards)), jobs)
    plan = best(problem, time_limit_seconds=20)
    loads = (
        max(sum(each for each, card in zip(minutes, on, strict=True) if card == one) for one in range(cards))
        for on in product(range(cards), repeat=len(minutes))
    )
    assert plan.makespan_seconds == 60 * min(loads)
    assert plan.proven_best
    assert plan.lower_bound_seconds == plan.makespan_seconds


# Longest first puts the two of 3 h on different cards and ends after 7 h; 3 + 3 beside 2 + 2 + 2 end after 6 h.
GRAHAM = tuple(job(f"job {number}", hours * HOUR) for number, hours in enumerate((3, 3, 2, 2, 2)))
TWO = CARDS[:2]


@needs_solver
def test_the_exact_search_beats_longest_first_where_that_falls_short() -> None:
    problem = Problem(TWO, GRAHAM)
    heuristic, plan = longest_first(problem), best(problem, time_limit_seconds=5)
    assert (heuristic.makespan_seconds, heuristic.proven_best) == (7 * HOUR, False)
    assert (plan.makespan_seconds, plan.proven_best, plan.method) == (6 * HOUR, True, "exact search")


def test_without_or_tools_the_heuristic_answers_and_says_that_it_is_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("ortools")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ortools", None)
    plan = best(Problem(TWO, GRAHAM), time_limit_seconds=5)
    assert plan.makespan_seconds == 7 * HOUR
    assert not plan.proven_best
    assert plan.method == f"longest first; not proven best: {NOT_INSTALLED}"


def test_more_jobs_than_the_exact_search_should_have_are_left_to_the_heuristic() -> None:
    plan = best(Problem(TWO, GRAHAM), time_limit_seconds=5, jobs_at_most=4)
    assert plan.method == "longest first; not proven best: more than 4 jobs"
    assert plan.lower_bound_seconds == 6 * HOUR


@needs_solver
def test_a_deadline_is_kept_though_the_plan_ends_later() -> None:
    long = [job(f"long {number}", 5 * HOUR) for number in range(2)]
    urgent = job("urgent", 2 * HOUR, deadline_s=2 * HOUR, release_s=0)
    plan = best(Problem(TWO, (*long, urgent)), time_limit_seconds=5)
    assert plan.late == ()
    assert plan.makespan_seconds == 7 * HOUR
    assert waves(Problem(TWO, (*long, urgent))).late[0].seconds == 5 * HOUR


@needs_solver
def test_a_deadline_of_higher_priority_is_kept_though_others_would_end_sooner() -> None:
    urgent = job("urgent", 2 * HOUR, priority=1, deadline_s=2 * HOUR, cards=("a",))
    first = job("first", 3 * HOUR, priority=1, cards=("a",))
    low = job("low", HOUR, after=("first",))
    plan = best(Problem(TWO, (first, urgent, low)), time_limit_seconds=5)
    assert (plan.late, plan.ends["low"], plan.proven_best) == ((), 6 * HOUR, True)


@needs_solver
def test_jobs_that_hold_the_same_thing_never_overlap() -> None:
    plan = best(
        Problem(TWO, (job("a", 2 * HOUR, holds=("x",)), job("b", 2 * HOUR, holds=("x",)))), time_limit_seconds=5
    )
    assert (plan.makespan_seconds, plan.proven_best) == (4 * HOUR, True)


@needs_solver
def test_a_plan_that_shares_cards_is_kept_where_it_is_better_and_not_called_proven() -> None:
    jobs = tuple(job(name, HOUR, exclusive=False) for name in "ab")
    plan = best(Problem(TWO[:1], jobs, sharing=Sharing(0.5)), time_limit_seconds=5)
    assert (plan.makespan_seconds, plan.proven_best) == (1.5 * HOUR, False)
    assert "cards are shared" in plan.method


def test_a_plan_with_a_late_job_is_not_proven_by_its_end() -> None:
    jobs = (job("long", 5 * HOUR), job("urgent", 2 * HOUR, deadline_s=2 * HOUR))
    plan = waves(Problem(TWO[:1], jobs))
    assert plan.makespan_seconds == plan.lower_bound_seconds == 7 * HOUR
    assert not plan.proven_best


@needs_solver
def test_a_higher_priority_is_served_first_whatever_it_costs_the_others() -> None:
    low = [job(f"low {number}", 2 * HOUR) for number in range(2)]
    high = job("high", 3 * HOUR, priority=1)
    plan = best(Problem(TWO[:1], (*low, high)), time_limit_seconds=5)
    assert plan.ends["high"] == 3 * HOUR
    assert plan.proven_best


@needs_solver
def test_a_job_that_must_span_its_windows_is_planned_and_not_proven() -> None:
    spanning = job("long", 20 * HOUR, windows=windows_of("00:00-08:00"), preemptible=True, restart_seconds=60)
    plan = best(Problem(TWO[:1], (spanning, job("other", 30 * HOUR))), time_limit_seconds=1)
    assert not plan.proven_best
    assert "a job takes longer than its windows" in plan.method
    assert plan.begins["long"] % DAY_SECONDS < 8 * HOUR
