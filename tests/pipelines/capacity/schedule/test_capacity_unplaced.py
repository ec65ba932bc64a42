"""Jobs and services that no card can take are named with the reason; wrong input is an error."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.errors import InputError
from pipelines.capacity.schedule.jobs import CardSlot, Job, Periodic, Problem, Service, Sharing
from pipelines.capacity.schedule.simulate import run_queue
from pipelines.capacity.schedule.ways import best, longest_first, waves
from pipelines.capacity.schedule.windows import windows_of

GIB = 2**30
V100 = CardSlot("v100", "V100", 32 * GIB)
T4 = CardSlot("t4", "T4", 16 * GIB)
DAWN = windows_of("02:00-10:00")


def job(name: str = "job", hours: float = 1.0, gib: float = 4, kind: str = "V100", **more: Any) -> Job:
    return Job(name, "group", {kind: hours * 3_600}, int(gib * GIB), **more)


def why(problem: Problem, name: str = "job") -> str:
    """The reason for one job, which every way gives alike."""
    plans = (waves(problem), longest_first(problem), run_queue(problem), best(problem, 1))
    (reason,) = {each.why for plan in plans for each in plan.unplaced if each.job == name}
    assert all(name not in plan.ends for plan in plans)
    return reason


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (job(gib=40), "needs 40.0 GiB; the card with most, v100, has 32.0 GiB"),
        (job(kind="P40"), "no card of its kind: it runs on P40, and the cards are T4, V100"),
        (job(gib=20, kind="T4"), "needs 20.0 GiB; the card with most, t4, has 16.0 GiB"),
        (job(cards=("t4",)), "no card of its kind: it runs on V100, and the cards are T4"),
        (job(hours=9, windows=DAWN), "takes 32400 s without a stop; its longest window is 28800 s"),
        (
            job(hours=9, windows=DAWN, preemptible=True, checkpoint_loss_seconds=28_000, restart_seconds=800),
            "restart and lost work take 28800 s; its longest window is 28800 s, so it would never end",
        ),
    ],
)
def test_a_job_that_nothing_can_take_is_named_with_the_reason(unfit: Job, reason: str) -> None:
    assert why(Problem((V100, T4), (unfit, job("other")))) == reason


def test_memory_that_services_hold_is_named() -> None:
    services = (Service("inference", 6 * GIB, "v100"), Service("synthesis", 4 * GIB, "v100"))
    reason = why(Problem((V100,), (job(gib=24),), services))
    assert reason == "needs 24.0 GiB; the card with most, v100, has 22.0 GiB beside inference, synthesis"


def test_the_time_that_services_take_can_make_a_window_too_short() -> None:
    services = (Service("inference", 0, "v100", load_share=0.5),)
    assert why(Problem((V100,), (job(hours=6, windows=DAWN),), services)).startswith("takes 43200 s without a stop")


def test_a_job_after_one_that_is_unplaced_is_unplaced_too() -> None:
    problem = Problem((V100,), (job("late", after=("large",)), job("later", after=("late",)), job("large", gib=40)))
    assert why(problem, "late") == "comes after large, which can't be placed"
    assert why(problem, "later") == "comes after late, which can't be placed"


def test_a_service_that_finds_no_room_is_named_and_takes_nothing() -> None:
    services = (Service("a", 20 * GIB, "v100", 0.6), Service("b", 20 * GIB, "v100"), Service("c", 0, "v100", 0.5))
    plan = longest_first(Problem((V100,), (job(gib=12),), services))
    assert {each.job: each.why for each in plan.unplaced} == {
        "b": "holds 20.0 GiB; v100 has 12.0 GiB left",
        "c": "takes 0.5 of v100's time; 0.4 is left",
    }
    assert plan.makespan_seconds == 9_000


def test_a_job_of_exactly_the_free_memory_and_exactly_the_window_fits() -> None:
    problem = Problem((V100,), (job(hours=8, gib=26, windows=DAWN),), (Service("s", 6 * GIB, "v100"),))
    plan = longest_first(problem)
    assert plan.unplaced == ()
    assert plan.placements[0].segments == ((7_200, 36_000),)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Problem((V100, V100), ()), "card v100: is there more than once"),
        (lambda: Problem((V100,), (job(), job())), "job job: is there more than once"),
        (lambda: Problem((V100,), (job(after=("x",)),)), "job job: names the job x, which isn't there"),
        (lambda: Problem((V100,), (job(cards=("x",)),)), "job job: names the card x, which isn't there"),
        (lambda: Problem((V100,), (), (Service("s", 1, "x"),)), "service s: names the card x, which isn't there"),
        (lambda: Problem((V100,), (job("a", after=("b",)), job("b", after=("a",)))), "waits for itself through others"),
        (lambda: job(hours=0), "takes 0 s on V100"),
        (lambda: job(gib=-1), "has a negative memory"),
        (lambda: Service("s", 1, "v100", load_share=1.0), "takes 1 of its card"),
        (lambda: Sharing(-0.5), "slowdown_per_neighbour"),
        (lambda: Periodic(job(), 0, 5).expand(), "comes every 0 s"),
    ],
)
def test_wrong_input_is_named(made: Any, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        made()


def test_a_periodic_job_comes_until_its_end_and_is_due_when_the_next_comes() -> None:
    jobs = Periodic(job("serving", release_s=60), every_seconds=600, until_s=1_800).expand()
    assert [(each.name, each.release_s, each.deadline_s) for each in jobs] == [
        ("serving@60", 60, 660),
        ("serving@660", 660, 1_260),
        ("serving@1260", 1_260, 1_860),
    ]
    (backup,) = Periodic(job("backup", release_s=7_200, deadline_s=9_000), 86_400, 86_400).expand()
    assert (backup.release_s, backup.deadline_s) == (7_200, 9_000)
