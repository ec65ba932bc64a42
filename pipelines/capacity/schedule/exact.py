"""The exact optimum for small cases, by constraint programming (CP-SAT of OR-Tools).

Two models: where the order of jobs on a card changes nothing, only which card takes which job is searched; else the
whole timeline. The first proves in a second what the second doesn't in a minute.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from importlib.util import find_spec

from pipelines.capacity.schedule.answer import Answer
from pipelines.capacity.schedule.fit import Fit
from pipelines.capacity.schedule.jobs import Problem
from pipelines.capacity.schedule.plan import Schedule, schedule_of
from pipelines.capacity.schedule.search import Search, searched
from pipelines.capacity.schedule.timeline import uninterrupted_seconds

NOT_INSTALLED = "OR-Tools is not installed (`pip install sluice[plan]`)"
_LEFT_OUT = "cards are shared or jobs are stopped on their way, which the exact search leaves out"


@dataclass(frozen=True)
class Found:
    """What the exact search found.

    Attributes:
        schedule: the plan; None where there is none.
        why: why that is, or why another plan may still be better.
    """

    schedule: Schedule | None
    why: str


def exact(problem: Problem, fit: Fit, known: Schedule, time_limit_seconds: float) -> Found:
    """Searches for the plan with the least cost in which every job has its card to itself and none is stopped.

    The same case has the same plan each time, unless the time limit ends the search.

    Args:
        problem: what is to be planned.
        fit: what can be placed where.
        known: a plan to begin with.
        time_limit_seconds: after these, the best plan so far is taken.
    """
    if find_spec("ortools") is None:
        return Found(None, NOT_INSTALLED)
    if not all(uninterrupted_seconds(fit, job) for job in fit.jobs):
        return Found(None, "a job takes longer than its windows, so it is stopped on its way")
    answer = searched(Search(problem, fit, known, time_limit_seconds, _order_is_free(fit)))
    if answer is None:
        return Found(None, f"nothing was found in {time_limit_seconds:g} s")
    return _found(problem, fit, known, answer, time_limit_seconds)


def _found(problem: Problem, fit: Fit, known: Schedule, answer: Answer, time_limit_seconds: float) -> Found:
    bound = max(known.lower_bound_seconds, answer.bound_seconds if _all_alone(fit) else 0)
    schedule = schedule_of(problem, answer.pieces, fit.unplaced, "exact search", bound)
    if answer.proven:
        return Found(replace(schedule, proven_best=True), _LEFT_OUT)
    why = f"{time_limit_seconds:g} s were not enough"
    if schedule.proven_best:
        return Found(schedule, why)
    return Found(replace(schedule, method=f"{schedule.method}; not proven best: {why}"), why)


def _order_is_free(fit: Fit) -> bool:
    """Whether a plan is as good with the jobs of each card in any order."""
    held = Counter(thing for job in fit.jobs for thing in job.holds)
    return (
        len({(job.priority, job.release_s) for job in fit.jobs}) <= 1
        and not any(job.after or job.windows or job.deadline_s is not None for job in fit.jobs)
        and max(held.values(), default=0) <= 1
    )


def _all_alone(fit: Fit) -> bool:
    """Whether every plan gives each job a card for itself and stops none, so that its bound holds for all."""
    several = len({job.priority for job in fit.jobs}) > 1
    stopped = any(job.preemptible and (several or job.windows) for job in fit.jobs)
    return not stopped and sum(job.shares for job in fit.jobs) < 2
