"""Which cards can take which jobs, how long each takes there, and why a job can't be placed at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.capacity.schedule.jobs import Job, Problem, Service, in_order
from pipelines.capacity.schedule.plan import Unplaced
from pipelines.capacity.schedule.windows import Openings

# Far below a second, far above what rounding leaves of one.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class CardClass:
    """Cards that are the same to every job.

    Attributes:
        kind: of the cards.
        memory_bytes: that services leave.
        load_share: of their time, that services take.
        cards: their places among the problem's cards.
    """

    kind: str
    memory_bytes: int
    load_share: float
    cards: tuple[int, ...]


@dataclass(frozen=True)
class Fit:
    """What can be placed where.

    Attributes:
        classes: the cards, those with least memory first, so that ties leave the larger ones free.
        jobs: those that can be placed, each behind those that it comes after.
        eligible: by job, the classes that can take it, the fastest first.
        seconds: by job, how long it takes in each of these.
        openings: by job, when it may run.
        unplaced: jobs and services that can't be placed.
    """

    classes: tuple[CardClass, ...]
    jobs: tuple[Job, ...]
    eligible: Mapping[str, tuple[int, ...]]
    seconds: Mapping[str, Mapping[int, int]]
    openings: Mapping[str, Openings]
    unplaced: tuple[Unplaced, ...]


def whole_seconds(seconds: float) -> int:
    """Seconds, rounded up."""
    return math.ceil(seconds - _ROUNDING)


def fit_of(problem: Problem) -> Fit:
    """Sorts out what can be placed where."""
    classes, off = _classes(problem)
    eligible: dict[str, tuple[int, ...]] = {}
    seconds: dict[str, dict[int, int]] = {}
    openings: dict[str, Openings] = {}
    unplaced = list(off)
    known: dict[tuple[object, ...], Openings] = {}
    for job in in_order(problem.jobs):
        own = known.setdefault(job.windows, Openings.of(job.windows))
        why = _waits_in_vain(job, eligible) or _why_not(problem, classes, job, own)
        if why:
            unplaced.append(Unplaced(job.name, why))
            continue
        taking = {place: _seconds(job, classes[place]) for place in _taking(problem, classes, job)}
        seconds[job.name] = {place: each for place, each in taking.items() if _fits_window(job, each, own)}
        eligible[job.name] = tuple(sorted(seconds[job.name], key=lambda place: (seconds[job.name][place], place)))
        openings[job.name] = own
    placed = tuple(job for job in in_order(problem.jobs) if job.name in eligible)
    return Fit(classes, placed, eligible, seconds, openings, tuple(unplaced))


def _classes(problem: Problem) -> tuple[tuple[CardClass, ...], list[Unplaced]]:
    """The cards by what they have to offer, and the services that found no room on theirs."""
    pinned = {name for job in problem.jobs for name in job.cards}
    on: dict[str, list[Service]] = defaultdict(list)
    for service in problem.services:
        on[service.card].append(service)
    same: dict[tuple[str, int, float, str], list[int]] = defaultdict(list)
    off: list[Unplaced] = []
    for place, card in enumerate(problem.cards):
        memory, load = card.memory_bytes, 0.0
        for service in on[card.name]:
            if service.memory_bytes > memory or load + service.load_share >= 1:
                off.append(Unplaced(service.name, _no_room(service, card.name, memory, load)))
                continue
            memory, load = memory - service.memory_bytes, load + service.load_share
        same[card.kind, memory, load, card.name if card.name in pinned else ""].append(place)
    classes = [CardClass(kind, memory, load, tuple(found)) for (kind, memory, load, _), found in same.items()]
    return tuple(sorted(classes, key=lambda each: (each.memory_bytes, each.cards))), off


def _no_room(service: Service, card: str, memory_bytes: int, load_share: float) -> str:
    if service.memory_bytes > memory_bytes:
        return f"holds {_gib(service.memory_bytes)}; {card} has {_gib(memory_bytes)} left"
    return f"takes {service.load_share:g} of {card}'s time; {1 - load_share:g} is left"


def _waits_in_vain(job: Job, placed: Mapping[str, object]) -> str:
    missing = [name for name in job.after if name not in placed]
    return f"comes after {missing[0]}, which can't be placed" if missing else ""


def _why_not(problem: Problem, classes: Sequence[CardClass], job: Job, openings: Openings) -> str:
    """Why no card can take a job; nothing where one can."""
    own = [each for each in classes if _pinned(problem, each, job)]
    of_kind = [each for each in own if each.kind in job.seconds]
    if not of_kind:
        there = ", ".join(sorted({each.kind for each in own})) or "none"
        wanted = ", ".join(sorted(job.seconds)) or "nothing"
        return f"no card of its kind: it runs on {wanted}, and the cards are {there}"
    roomy = [each for each in of_kind if each.memory_bytes >= job.memory_bytes]
    if not roomy:
        largest = max(of_kind, key=lambda each: each.memory_bytes)
        name = problem.cards[largest.cards[0]].name
        beside = [service.name for service in problem.services if service.card == name]
        left = f" beside {', '.join(beside)}" if beside else ""
        return f"needs {_gib(job.memory_bytes)}; the card with most, {name}, has {_gib(largest.memory_bytes)}{left}"
    if any(_fits_window(job, _seconds(job, each), openings) for each in roomy):
        return ""
    longest, least = openings.longest_seconds, min(_seconds(job, each) for each in roomy)
    if job.preemptible:
        lost = job.checkpoint_loss_seconds + job.restart_seconds
        return f"restart and lost work take {lost} s; its longest window is {longest:.0f} s, so it would never end"
    return f"takes {least} s without a stop; its longest window is {longest:.0f} s"


def _taking(problem: Problem, classes: Sequence[CardClass], job: Job) -> list[int]:
    return [
        place
        for place, each in enumerate(classes)
        if each.kind in job.seconds and each.memory_bytes >= job.memory_bytes and _pinned(problem, each, job)
    ]


def _pinned(problem: Problem, cards: CardClass, job: Job) -> bool:
    return not job.cards or problem.cards[cards.cards[0]].name in job.cards


def _seconds(job: Job, cards: CardClass) -> int:
    return whole_seconds(job.seconds[cards.kind] / (1 - cards.load_share))


def _fits_window(job: Job, seconds: int, openings: Openings) -> bool:
    longest = openings.longest_seconds
    return seconds <= longest or (job.preemptible and longest > job.checkpoint_loss_seconds + job.restart_seconds)


def _gib(memory_bytes: float) -> str:
    return f"{memory_bytes / 2**30:.1f} GiB"
