"""The ways to plan: one after the other, in waves, longest first, and the best that there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from components.errors import InputError
from pipelines.capacity.schedule.bounds import lower_bound_seconds
from pipelines.capacity.schedule.dispatch import dispatch
from pipelines.capacity.schedule.exact import exact
from pipelines.capacity.schedule.fit import fit_of
from pipelines.capacity.schedule.jobs import Problem
from pipelines.capacity.schedule.orders import orders
from pipelines.capacity.schedule.plan import Schedule, cost, schedule_of
from pipelines.capacity.schedule.waves import in_waves


def sequential(problem: Problem, card: str) -> Schedule:
    """All jobs on one card, one after the other, in order of priority and then as listed.

    Raises:
        InputError: there is no such card, or a job is pinned to others.
    """
    alone = tuple(each for each in problem.cards if each.name == card)
    if not alone:
        raise InputError(
            f"card {card}", "isn't there", f"name one of: {', '.join(each.name for each in problem.cards)}"
        )
    for job in problem.jobs:
        if job.cards and card not in job.cards:
            raise InputError(
                f"job {job.name}", f"is pinned to {', '.join(job.cards)}", f"leave it out, or pin it to {card}"
            )
    services = tuple(each for each in problem.services if each.card == card)
    jobs = tuple(replace(job, cards=()) for job in problem.jobs)
    one = replace(problem, cards=alone, services=services, jobs=jobs)
    fit = fit_of(one)
    return schedule_of(one, in_waves(fit), fit.unplaced, "one after the other", lower_bound_seconds(one, fit))


def waves(problem: Problem) -> Schedule:
    """All cards at once, one job each; the next wave begins when the last job of a wave has ended.

    So v100-options counts its schedules. It lets cards idle, and stops nothing for a job of higher priority.
    """
    fit = fit_of(problem)
    return schedule_of(problem, in_waves(fit), fit.unplaced, "waves", lower_bound_seconds(problem, fit))


def longest_first(problem: Problem) -> Schedule:
    """All cards at once, each taking the longest waiting job of the highest priority as soon as it can.

    Jobs of higher priority stop those of lower that are preemptible. Several orders are tried and the best is kept. On
    n alike cards, longest first takes at most 4/3 - 1/(3 n) times the shortest (Graham, 1969). Where kinds differ, jobs
    of the lowest priority may also wait for a faster card; where there are deadlines, the earliest may go first.
    """
    fit = fit_of(problem)
    bound = lower_bound_seconds(problem, fit)
    plans = (
        schedule_of(problem, dispatch(problem, fit, order), fit.unplaced, "longest first", bound)
        for order in orders(fit)
    )
    return _cheapest(problem, plans)


def best(problem: Problem, time_limit_seconds: float, jobs_at_most: int = 100) -> Schedule:
    """The best plan that is found in a time, by all ways.

    Args:
        problem: what is to be planned.
        time_limit_seconds: for the exact search.
        jobs_at_most: with more jobs the exact search is left out.
    """
    fit = fit_of(problem)
    heuristic = _cheapest(problem, [longest_first(problem), waves(problem)])
    if heuristic.proven_best:
        return heuristic
    if len(fit.jobs) > jobs_at_most:
        return _unproven(heuristic, f"more than {jobs_at_most} jobs")
    found = exact(problem, fit, heuristic, time_limit_seconds)
    if found.schedule is None:
        return _unproven(heuristic, found.why)
    bound = max(heuristic.lower_bound_seconds, found.schedule.lower_bound_seconds)
    heuristic = replace(heuristic, lower_bound_seconds=bound)
    if cost(problem, found.schedule) <= cost(problem, heuristic):
        return found.schedule
    return _unproven(heuristic, found.why)


def _unproven(schedule: Schedule, why: str) -> Schedule:
    return replace(schedule, method=f"{schedule.method}; not proven best: {why}")


def _cheapest(problem: Problem, plans: Iterable[Schedule]) -> Schedule:
    return min(plans, key=lambda plan: cost(problem, plan))
