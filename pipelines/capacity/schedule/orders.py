"""Orders in which list scheduling takes jobs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from heapq import heapreplace

from pipelines.capacity.schedule.bounds import chain_seconds
from pipelines.capacity.schedule.dispatch import Order
from pipelines.capacity.schedule.fit import Fit


def orders(fit: Fit) -> Iterator[Order]:
    """The orders that are worth trying for these jobs and cards."""
    longest = {name: -float(seconds) for name, seconds in chain_seconds(fit).items()}
    yield Order(longest)
    if len(fit.classes) > 1:
        yield Order(longest, _waiting_for(fit, longest))
    if any(job.deadline_s is not None for job in fit.jobs):
        yield Order({job.name: float(math.inf if job.deadline_s is None else job.deadline_s) for job in fit.jobs})


def first_come(fit: Fit) -> Order:
    """The order of a queue: who is released first goes first."""
    return Order({job.name: float(job.release_s) for job in fit.jobs})


def _waiting_for(fit: Fit, rank: Mapping[str, float]) -> dict[str, tuple[int, ...]]:
    """The classes in which a job ends earliest if each takes the card on which it would end first, and any faster ones.

    Earliest completion time on unlike machines (Ibarra and Kim, Heuristic algorithms for scheduling independent tasks
    on nonidentical processors, 1977). Only jobs of the lowest priority wait: one that counts more would wait for a fast
    card while a slow one works for somebody who counts less.
    """
    free = [[0] * len(each.cards) for each in fit.classes]
    lowest = min((job.priority for job in fit.jobs), default=0)
    only: dict[str, tuple[int, ...]] = {}
    for job in sorted(fit.jobs, key=lambda job: (-job.priority, rank[job.name])):
        seconds = fit.seconds[job.name]
        ends = {place: max(free[place][0], job.release_s) + seconds[place] for place in fit.eligible[job.name]}
        chosen = min(ends, key=lambda place: (ends[place], place))
        heapreplace(free[chosen], ends[chosen])
        if job.priority == lowest:
            only[job.name] = tuple(place for place in fit.eligible[job.name] if seconds[place] <= seconds[chosen])
    return only
