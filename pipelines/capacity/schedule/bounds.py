"""Below which second no plan can end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

from pipelines.capacity.schedule.fit import Fit
from pipelines.capacity.schedule.jobs import Job, Problem
from pipelines.capacity.schedule.windows import Openings
from pipelines.capacity.schedule.work import run_alone


def lower_bound_seconds(problem: Problem, fit: Fit) -> int:
    """The greatest of several bounds: chains of jobs, all work together, and jobs that must meet on a card.

    The first two hold for every plan; the last for plans in which no job moves from one card to another.
    """
    if not fit.jobs:
        return 0
    least = sorted((min(fit.seconds[job.name].values()) for job in fit.jobs if _stays(job)), reverse=True)
    cards = sum(len(fit.classes[place].cards) for place in _used(fit))
    work = max(_meeting(least, cards), *(_work(problem, fit, weights) for weights in _weights(fit)))
    return max(*_earliest_ends(fit).values(), _open_for(fit, work))


def chain_seconds(fit: Fit) -> dict[str, int]:
    """By job, the seconds of the longest chain that begins with it, each job on its fastest card.

    Longest first by this length is longest first for jobs without followers, and Hu's highest level first for others
    (Hu, Parallel sequencing and assembly line problems, 1961).
    """
    behind: dict[str, int] = {}
    chains: dict[str, int] = {}
    for job in reversed(fit.jobs):
        chains[job.name] = min(fit.seconds[job.name].values()) + behind.get(job.name, 0)
        for before in job.after:
            behind[before] = max(behind.get(before, 0), chains[job.name])
    return chains


def _earliest_ends(fit: Fit) -> dict[str, int]:
    ends: dict[str, int] = {}
    for job in fit.jobs:
        begin = max([job.release_s, *(ends[before] for before in job.after)])
        openings = fit.openings[job.name]
        # Of two classes the faster never ends later.
        ends[job.name] = run_alone(job, min(fit.seconds[job.name].values()), openings, begin)[-1][1]
    return ends


def _stays(job: Job) -> bool:
    """Whether a job takes a card for itself and, among jobs of one priority, is never stopped."""
    return not job.shares and not (job.preemptible and job.windows)


def _used(fit: Fit) -> set[int]:
    return {place for places in fit.eligible.values() for place in places}


def _meeting(seconds: Sequence[int], cards: int) -> int:
    """Of the k x cards + 1 longest jobs, k + 1 must be on one card, for every k."""
    sums = [0, *accumulate(seconds)]
    return max(
        (sums[last + 1] - sums[last - k] for k, last in enumerate(range(0, len(seconds), max(cards, 1)))), default=0
    )


def _weights(fit: Fit) -> list[Mapping[int, float]]:
    """Weights of classes under which all work together is counted: all alike, and by how fast they are."""
    used = sorted(_used(fit))
    speeds: dict[int, list[float]] = {place: [] for place in used}
    for seconds in fit.seconds.values():
        fastest = min(seconds.values())
        for place, each in seconds.items():
            speeds[place].append(fastest / each)
    return [dict.fromkeys(used, 1.0), {place: sum(found) / len(found) for place, found in speeds.items()}]


def _work(problem: Problem, fit: Fit, weights: Mapping[int, float]) -> int:
    """All work over all cards: what a linear program's dual says of any weights (Lenstra, Shmoys and Tardos, 1990).

    Each job counts its least weighted seconds, the cards their weights. Of jobs that share, a card does no more in a
    second than what one neighbour's slowdown allows for.
    """
    gain = min(1.0, problem.sharing.slowdown_per_neighbour)
    total = sum(
        (gain if job.shares else 1.0) * min(weights[place] * each for place, each in fit.seconds[job.name].items())
        for job in fit.jobs
    )
    # Less what sums of rounded figures may be off by, so that the bound stays one.
    share = total / sum(weight * len(fit.classes[place].cards) for place, weight in weights.items())
    return math.ceil(share * (1 - 1e-12) - 1e-9)


def _open_for(fit: Fit, seconds: int) -> int:
    """The second at which any job at all could have run for so many seconds."""
    at = min(job.release_s for job in fit.jobs)
    if not all(job.windows for job in fit.jobs):
        return at + seconds
    openings = Openings.of({window for job in fit.jobs for window in job.windows})
    while True:
        begin, end = openings.at_or_after(at)
        at = max(at, begin)
        if seconds <= end - at:
            return at + seconds
        seconds -= int(end) - at
        at = int(end)
