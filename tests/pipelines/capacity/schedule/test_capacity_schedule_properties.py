"""Whatever the jobs and cards: every way keeps every rule, and the simulator agrees with every plan."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.capacity.schedule.check import held_up
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem, Service, Sharing
from pipelines.capacity.schedule.plan import Schedule, cost
from pipelines.capacity.schedule.simulate import disagreements, run_queue
from pipelines.capacity.schedule.usage import usage_of
from pipelines.capacity.schedule.ways import best, longest_first, waves
from pipelines.capacity.schedule.windows import windows_of

GIB = 2**30
WINDOWS = [windows_of(text) for text in ("02:00-10:00", "22:00-06:00", "weekdays 20:00-08:00, weekends", "00:00-24:00")]
KINDS = ("V100", "T4")


@st.composite
def jobs(draw: st.DrawFn, number: int, cards: tuple[CardSlot, ...]) -> Job:
    seconds = draw(st.dictionaries(st.sampled_from(KINDS), st.integers(1, 50_000) | st.floats(0.1, 3_000), min_size=1))
    return Job(
        name=f"job {number}",
        group="jobs",
        seconds=seconds,
        memory_bytes=draw(st.sampled_from((0, 4, 8, 16, 24))) * GIB,
        priority=draw(st.integers(0, 2)),
        release_s=draw(st.just(0) | st.integers(0, 100_000)),
        deadline_s=draw(st.none() | st.integers(1_000, 100_000)),
        windows=draw(st.just(()) | st.sampled_from(WINDOWS)),
        preemptible=draw(st.booleans()),
        checkpoint_loss_seconds=draw(st.sampled_from((0, 60, 3_600))),
        restart_seconds=draw(st.sampled_from((0, 30))),
        after=tuple(f"job {before}" for before in draw(st.sets(st.integers(0, number - 1), max_size=1)))
        if number
        else (),
        exclusive=draw(st.booleans()),
        cards=draw(st.just(()) | st.sampled_from(cards).map(lambda card: (card.name,))),
        holds=draw(st.sampled_from(((), (), ("store",)))),
    )


@st.composite
def problems(draw: st.DrawFn, most_jobs: int = 9) -> Problem:
    cards = tuple(
        CardSlot(f"card {number}", draw(st.sampled_from(KINDS)), draw(st.sampled_from((16, 32))) * GIB)
        for number in range(draw(st.integers(1, 3)))
    )
    services = tuple(
        Service(f"service {number}", draw(st.sampled_from((1, 12))) * GIB, draw(st.sampled_from(cards)).name, load)
        for number, load in enumerate(draw(st.lists(st.sampled_from((0.0, 0.3, 0.6)), max_size=2)))
    )
    found = tuple(draw(jobs(number, cards)) for number in range(draw(st.integers(1, most_jobs))))
    return Problem(cards, found, services, Sharing(draw(st.sampled_from((0.0, 0.5, 1.0, 1.3)))))


def alone(problem: Problem) -> Problem:
    """The same where every job has its card to itself and none is stopped."""
    return replace(problem, jobs=tuple(replace(job, exclusive=True, preemptible=False) for job in problem.jobs))


@given(problems())
@settings(max_examples=80, deadline=None)
def test_plans_keep_every_rule_and_the_replay_agrees(problem: Problem) -> None:
    for plan in (waves(problem), longest_first(problem), run_queue(problem)):
        assert disagreements(problem, plan) == ()
        assert plan.makespan_seconds >= plan.lower_bound_seconds


@given(problems())
@settings(max_examples=80, deadline=None)
def test_nobody_waits_for_a_job_of_lower_priority_on_a_card_that_can_be_taken(problem: Problem) -> None:
    assert held_up(problem, run_queue(problem)) == ()
    assert held_up(problem, longest_first(problem)) == ()


@given(problems(most_jobs=5))
@settings(max_examples=25, deadline=None)
def test_the_best_plan_costs_no_more_than_any_other_and_the_replay_agrees(problem: Problem) -> None:
    plan = best(problem, time_limit_seconds=1)
    assert disagreements(problem, plan) == ()
    for other in (waves(problem), longest_first(problem)):
        assert cost(problem, plan) <= cost(problem, other)


@given(problems())
@settings(max_examples=40, deadline=None)
def test_the_same_problem_has_the_same_plans(problem: Problem) -> None:
    for way in (waves, longest_first, run_queue):
        assert way(problem) == way(problem)


@given(problems())
@settings(max_examples=40, deadline=None)
def test_a_whole_plan_does_all_the_work_that_jobs_ask_for(problem: Problem) -> None:
    """Where nothing is shared or stopped, each job has its seconds on its card, and cards are busy for just these."""
    problem = replace(alone(problem), services=())
    plan = longest_first(problem)
    by_name, kinds = {job.name: job for job in problem.jobs}, {card.name: card.kind for card in problem.cards}
    for placement in plan.placements:
        asked = by_name[placement.job].seconds[kinds[placement.card]]
        assert 0 <= placement.end_s - placement.begin_s - asked < 1
    busy = sum(each.busy_seconds for each in usage_of(problem, plan).cards)
    assert busy == sum(placement.end_s - placement.begin_s for placement in plan.placements)


def _late_by_hand(problem: Problem, plan: Schedule) -> int:
    return sum(
        max(0, plan.ends[job.name] - job.deadline_s) for job in problem.jobs if job.deadline_s and job.name in plan.ends
    )


@given(problems())
@settings(max_examples=40, deadline=None)
def test_usage_counts_what_the_plan_says(problem: Problem) -> None:
    plan = run_queue(problem)
    usage = usage_of(problem, plan)
    (group,) = usage.groups
    names = {job.name for job in problem.jobs}
    assert group.jobs == len(problem.jobs)
    assert group.unplaced == sum(each.job in names for each in plan.unplaced)
    assert group.late == len(plan.late)
    assert sum(each.seconds for each in plan.late) == _late_by_hand(problem, plan)
    assert group.end_s == plan.makespan_seconds
    assert all(0 <= each.utilisation <= 1 for each in usage.cards)
    assert sum(each.jobs for each in usage.waits) == len(plan.ends)
    assert all(0 <= each.mean_seconds <= each.longest_seconds for each in usage.waits)
