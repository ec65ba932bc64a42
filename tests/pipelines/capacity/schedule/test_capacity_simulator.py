"""The simulator's arithmetic by hand: sharing, stops, windows; and plans that are wrong come out differently."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.capacity.schedule.check import held_up, violations
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem, Service, Sharing
from pipelines.capacity.schedule.plan import Placement, Schedule
from pipelines.capacity.schedule.simulate import disagreements, replay, run_queue
from pipelines.capacity.schedule.usage import usage_of
from pipelines.capacity.schedule.ways import longest_first
from pipelines.capacity.schedule.windows import windows_of

GIB = 2**30
ONE = (CardSlot("one", "V100", 32 * GIB),)
TWO = (*ONE, CardSlot("two", "V100", 32 * GIB))


def job(name: str, seconds: float, gib: int = 4, **more: Any) -> Job:
    return Job(name, name.split()[0], {"V100": seconds}, gib * GIB, **more)


def stretches(schedule: Schedule, name: str) -> list[tuple[str, tuple[tuple[int, int], ...]]]:
    return [(each.card, each.segments) for each in schedule.placements if each.job == name]


def plan(*placements: Placement) -> Schedule:
    return Schedule(placements, max(each.end_s for each in placements), (), (), False, 0, "by hand")


def test_a_stopped_job_pays_for_its_restart_and_for_what_it_did_since_its_checkpoint() -> None:
    training = job("training", 1_000, preemptible=True, checkpoint_loss_seconds=50, restart_seconds=20)
    serving = job("serving", 100, priority=1, release_s=300)
    found = run_queue(Problem(ONE, (training, serving)))
    # 300 s done, 50 of them lost; then 20 s of restart and 750 s of work.
    assert stretches(found, "training") == [("one", ((0, 300), (400, 1_170)))]
    assert stretches(found, "serving") == [("one", ((300, 400),))]


def test_a_job_loses_no_more_than_it_did_since_it_began() -> None:
    training = job("training", 1_000, preemptible=True, checkpoint_loss_seconds=5_000)
    found = run_queue(Problem(ONE, (training, job("serving", 100, priority=1, release_s=300))))
    assert stretches(found, "training") == [("one", ((0, 300), (400, 1_400)))]


def test_a_job_that_is_stopped_while_it_restarts_has_gained_nothing() -> None:
    training = job("training", 1_000, preemptible=True, restart_seconds=20)
    serving = [job(f"serving {second}", 100, priority=1, release_s=second) for second in (300, 410)]
    found = run_queue(Problem(ONE, (training, *serving)))
    assert stretches(found, "training") == [("one", ((0, 300), (400, 410), (510, 1_230)))]


def test_jobs_of_one_priority_do_not_stop_one_another() -> None:
    high = job("high", 900, priority=2, exclusive=False)
    equal = job("equal", 500, priority=1, preemptible=True)
    low = job("low", 500, preemptible=True, exclusive=False)
    third = job("third", 100, priority=1, release_s=50)
    found = run_queue(Problem(TWO, (high, equal, low, third)))
    assert [each.card for each in found.placements[:3]] == ["one", "one", "two"]
    assert found.begins["third"] == 500


def test_a_job_does_not_begin_where_stop_and_restart_would_cost_more_than_it_gets_done() -> None:
    training = job("training", 36_000, windows=windows_of("00:00-08:00"), preemptible=True, restart_seconds=600)
    for begin, room in ((28_200, 600), (28_199, 601)):
        found = run_queue(Problem(ONE, (replace(training, release_s=begin),)))
        assert (found.begins["training"] == begin) == (room > 600)


def test_longest_first_lets_nobody_wait_for_a_fast_card_while_a_slow_one_works_for_less() -> None:
    cards = (*ONE, CardSlot("slow", "T4", 32 * GIB))
    high = [Job(f"high {number}", "", {"V100": 3_600, "T4": 36_000}, 0, priority=1) for number in range(2)]
    low = Job("low", "", {"T4": 7_200}, 0, preemptible=True)
    problem = Problem(cards, (*high, low))
    assert held_up(problem, longest_first(problem)) == ()


def test_a_stopped_job_goes_on_where_a_card_is_free() -> None:
    training = job("training", 1_000, preemptible=True, cards=())
    pinned = job("serving", 100, priority=1, release_s=300, cards=("one",))
    found = run_queue(Problem(TWO, (training, pinned)))
    assert stretches(found, "training") == [("one", ((0, 300),)), ("two", ((300, 1_000),))]


def test_without_permission_to_be_stopped_the_higher_priority_waits() -> None:
    found = run_queue(Problem(ONE, (job("training", 1_000), job("serving", 100, priority=1, release_s=300))))
    assert stretches(found, "serving") == [("one", ((1_000, 1_100),))]
    (high, low) = usage_of(
        Problem(ONE, (job("training", 1_000), job("serving", 100, priority=1, release_s=300))), found
    ).waits
    assert (high.priority, high.longest_seconds, low.longest_seconds) == (1, 700, 0)


def test_of_two_cards_the_one_is_taken_whose_job_counts_least_and_began_last() -> None:
    older = job("older", 1_000, preemptible=True)
    younger = job("younger", 1_000, release_s=100, preemptible=True)
    found = run_queue(Problem(TWO, (older, younger, job("serving", 50, priority=1, release_s=200))))
    assert stretches(found, "serving") == [("two", ((200, 250),))]


@pytest.mark.parametrize(("slowdown", "ends"), [(1.0, (200, 300)), (0.0, (100, 200)), (0.5, (150, 250))])
def test_jobs_on_one_card_slow_one_another_down(slowdown: float, ends: tuple[int, int]) -> None:
    short, long = job("short", 100, exclusive=False), job("long", 200, exclusive=False)
    found = run_queue(Problem(ONE, (short, long), sharing=Sharing(slowdown)))
    assert (found.ends["short"], found.ends["long"]) == ends


def test_jobs_share_a_card_only_where_their_memory_fits_and_none_wants_it_alone() -> None:
    first, second = job("first", 100, 20, exclusive=False), job("second", 100, 20, exclusive=False)
    assert run_queue(Problem(ONE, (first, second))).makespan_seconds == 200
    alone = replace(first, memory_bytes=0, exclusive=True)
    assert run_queue(Problem(ONE, (alone, second))).begins["second"] == 100


def test_a_service_takes_its_share_of_time_from_jobs() -> None:
    found = run_queue(Problem(ONE, (job("training", 300),), (Service("serving", GIB, "one", load_share=0.25),)))
    assert found.makespan_seconds == 400


def test_a_preemptible_job_is_spread_over_its_windows() -> None:
    training = job("training", 10 * 3_600, windows=windows_of("02:00-10:00"), preemptible=True, restart_seconds=60)
    found = run_queue(Problem(ONE, (training,)))
    day = 86_400
    assert stretches(found, "training") == [("one", ((7_200, 36_000), (day + 7_200, day + 7_200 + 7_260)))]


def test_a_job_that_can_not_end_before_its_window_closes_waits_for_the_next() -> None:
    training = job("training", 5 * 3_600, windows=windows_of("02:00-10:00"), release_s=6 * 3_600)
    found = run_queue(
        Problem(ONE, (training, job("small", 3_600, windows=windows_of("02:00-10:00"), release_s=6 * 3_600)))
    )
    assert found.begins == {"small": 6 * 3_600, "training": 86_400 + 7_200}


def test_a_shorter_job_takes_the_slow_card_that_is_too_slow_for_the_one_before_it() -> None:
    cards = (*ONE, CardSlot("slow", "T4", 32 * GIB))
    dawn = windows_of("02:00-10:00")
    held = job("held", 20_000)
    long = Job("long", "", {"V100": 6 * 3_600, "T4": 7.5 * 3_600}, 0, windows=dawn, priority=1, release_s=3 * 3_600)
    short = Job("short", "", {"V100": 3 * 3_600, "T4": 6 * 3_600}, 0, windows=dawn, release_s=3 * 3_600)
    found = run_queue(Problem(cards, (held, long, short)))
    assert stretches(found, "short") == [("slow", ((3 * 3_600, 9 * 3_600),))]
    assert found.begins["long"] == 86_400 + 7_200


def test_a_job_that_was_too_long_for_a_slow_card_takes_it_when_its_window_opens_again() -> None:
    cards = (*ONE, CardSlot("slow", "T4", 32 * GIB))
    held = (job("held", 3 * 86_400), Job("until half past three", "", {"T4": 3.5 * 3_600}, 0))
    long = Job("long", "", {"V100": 6 * 3_600, "T4": 7 * 3_600}, 0, windows=windows_of("02:00-10:00"), release_s=7_200)
    found = run_queue(Problem(cards, (*held, long)))
    assert stretches(found, "long") == [("slow", ((86_400 + 7_200, 86_400 + 9 * 3_600),))]


def test_jobs_that_together_get_nowhere_in_a_window_take_turns() -> None:
    """Five share a card, and the restart takes more than a fifth of the window: shared, none would ever end."""
    window = windows_of("00:00-00:10")
    jobs = tuple(
        job(f"slow {number}", 700, windows=window, preemptible=True, restart_seconds=200, exclusive=False)
        for number in range(5)
    )
    found = run_queue(Problem(ONE, jobs))
    assert found.unplaced == ()
    assert disagreements(Problem(ONE, jobs), found) == ()


def test_a_lock_keeps_two_jobs_apart_on_different_cards() -> None:
    jobs = (job("backup", 100, holds=("store",)), job("publish", 50, release_s=20, holds=("store",)))
    assert run_queue(Problem(TWO, jobs)).begins["publish"] == 100
    assert longest_first(Problem(TWO, jobs)).makespan_seconds == 150


def test_a_higher_priority_takes_a_lock_from_a_job_that_may_be_stopped() -> None:
    synthesis = job("synthesis", 100, preemptible=True, holds=("card",))
    training = job("training", 50, priority=1, release_s=20, holds=("card",))
    found = run_queue(Problem(TWO, (synthesis, training)))
    assert stretches(found, "training") == [("two", ((20, 70),))]
    assert stretches(found, "synthesis") == [("one", ((0, 20), (70, 150)))]


def test_the_replay_of_an_overlap_lets_the_second_job_wait() -> None:
    problem = Problem(ONE, (job("a", 100), job("b", 100)))
    wrong = plan(Placement("a", "one", ((0, 100),)), Placement("b", "one", ((50, 150),)))
    assert replay(problem, wrong).ends == {"a": 100, "b": 200}
    assert "one is shared at 50 s by a, b" in disagreements(problem, wrong)


@pytest.mark.parametrize(
    ("first", "second", "card"),
    [
        (job("a", 100, 20, exclusive=False), job("b", 100, 20, exclusive=False), "one"),
        (job("a", 100, holds=("x",)), job("b", 100, holds=("x",)), "two"),
        (job("a", 100), job("b", 100, after=("a",)), "two"),
    ],
)
def test_the_replay_lets_a_job_wait_for_memory_for_what_another_holds_and_for_those_before_it(
    first: Job, second: Job, card: str
) -> None:
    wrong = plan(Placement("a", "one", ((0, 100),)), Placement("b", card, ((50, 150),)))
    assert replay(Problem(TWO, (first, second)), wrong).ends == {"a": 100, "b": 200}


def test_the_replay_lets_a_job_wait_for_its_window() -> None:
    problem = Problem(ONE, (job("a", 100, windows=windows_of("00:10-00:20")),))
    assert replay(problem, plan(Placement("a", "one", ((0, 100),)))).begins == {"a": 600}


def test_a_card_that_two_jobs_share_is_busy_once() -> None:
    problem = Problem(ONE, (job("a", 100, exclusive=False), job("b", 100, exclusive=False, release_s=50)))
    (card,) = usage_of(problem, run_queue(problem)).cards
    assert (card.busy_seconds, card.utilisation) == (200, 1.0)


def test_the_replay_of_a_stretch_that_is_too_short_or_too_long_ends_when_the_work_is_done() -> None:
    problem = Problem(ONE, (job("a", 100),))
    for end in (60, 140):
        wrong = plan(Placement("a", "one", ((0, end),)))
        assert violations(problem, wrong) == ()
        assert replay(problem, wrong).ends == {"a": 100}
        assert len(disagreements(problem, wrong)) == 2


@pytest.mark.parametrize(
    ("jobs", "placements", "said"),
    [
        ((job("a", 10, release_s=5),), [("a", "one", 0, 10)], "a begins at 0 s, before its release at 5 s"),
        ((job("a", 10),), [], "a is missing"),
        (
            (job("a", 10), job("b", 10, after=("a",))),
            [("a", "one", 0, 10), ("b", "two", 5, 15)],
            "b begins before a has",
        ),
        ((job("a", 10, windows=windows_of("00:01-00:02")),), [("a", "one", 55, 65)], "a runs outside its windows"),
        ((job("a", 10, cards=("two",)),), [("a", "one", 0, 10)], "a can't run on one"),
        (
            (job("a", 10, holds=("x",)), job("b", 10, holds=("x",))),
            [("a", "one", 0, 10), ("b", "two", 5, 15)],
            "x is held",
        ),
        ((job("a", 10),), [("a", "one", 0, 5), ("a", "one", 7, 12)], "a is stopped and must not be"),
        ((job("a", 10, preemptible=True),), [("a", "one", 0, 5), ("a", "two", 3, 8)], "a runs twice at 3 s"),
        (
            (job("a", 10, 20, exclusive=False), job("b", 10, 20, exclusive=False)),
            [("a", "one", 0, 20), ("b", "one", 0, 20)],
            f"one holds {40 * GIB} bytes at 0 s",
        ),
    ],
)
def test_every_broken_rule_is_told(
    jobs: tuple[Job, ...], placements: list[tuple[str, str, int, int]], said: str
) -> None:
    made = tuple(Placement(name, card, ((begin, end),)) for name, card, begin, end in placements)
    wrong = Schedule(made, 0, (), (), False, 0, "by hand")
    assert any(line.startswith(said) for line in violations(Problem(TWO, jobs), wrong))


def test_a_job_that_is_held_up_by_one_of_lower_priority_is_told() -> None:
    problem = Problem(ONE, (job("low", 100, preemptible=True), job("high", 10, priority=1)))
    wrong = plan(Placement("low", "one", ((0, 100),)), Placement("high", "one", ((100, 110),)))
    assert held_up(problem, wrong) == ("high waits at 0 s for jobs of lower priority on one",)


def test_seconds_are_rounded_up() -> None:
    found = run_queue(Problem(ONE, (job("a", 0.2), job("b", 1.0000000001), job("c", 1.5))))
    assert [found.ends[name] for name in "abc"] == [1, 2, 4]
