"""What is wrong with a plan, worked out from nothing but the plan and what it is for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pipelines.capacity.schedule.jobs import Job, Problem
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.windows import Openings


@dataclass(frozen=True)
class _Stretch:
    job: Job
    card: str
    begin_s: int
    end_s: int


def violations(problem: Problem, schedule: Schedule) -> tuple[str, ...]:
    """Every rule of the problem that a plan breaks, in words; nothing where it keeps all.

    Whether stretches are long enough for their jobs is left to `replay`, which works them off.
    """
    stretches = _stretches(problem, schedule)
    by_job: dict[str, list[_Stretch]] = defaultdict(list)
    for stretch in sorted(stretches, key=lambda each: each.begin_s):
        by_job[stretch.job.name].append(stretch)
    return (
        *_not_all_there(problem, schedule, by_job),
        *(line for own in by_job.values() for line in _of_job(problem, own, by_job)),
        *_of_cards(problem, schedule, stretches),
        *_held_twice(stretches),
    )


def _stretches(problem: Problem, schedule: Schedule) -> list[_Stretch]:
    jobs = {job.name: job for job in problem.jobs}
    return [
        _Stretch(jobs[placement.job], placement.card, begin, end)
        for placement in schedule.placements
        for begin, end in placement.segments
    ]


def _not_all_there(problem: Problem, schedule: Schedule, by_job: Mapping[str, list[_Stretch]]) -> Iterator[str]:
    left_out = {each.job for each in schedule.unplaced}
    for job in problem.jobs:
        if (job.name in by_job) == (job.name in left_out):
            yield f"{job.name} is placed and unplaced at once" if job.name in by_job else f"{job.name} is missing"


def _of_job(problem: Problem, own: list[_Stretch], by_job: Mapping[str, list[_Stretch]]) -> Iterator[str]:
    job, openings = own[0].job, Openings.of(own[0].job.windows)
    kinds = {card.name: card.kind for card in problem.cards}
    if own[0].begin_s < job.release_s:
        yield f"{job.name} begins at {own[0].begin_s} s, before its release at {job.release_s} s"
    if len(own) > 1 and not job.preemptible:
        yield f"{job.name} is stopped and must not be"
    for former, later in pairwise(own):
        if later.begin_s < former.end_s:
            yield f"{job.name} runs twice at {later.begin_s} s"
    for each in own:
        if openings.room(each.begin_s) < each.end_s - each.begin_s:
            yield f"{job.name} runs outside its windows between {each.begin_s} and {each.end_s} s"
        if kinds[each.card] not in job.seconds or (job.cards and each.card not in job.cards):
            yield f"{job.name} can't run on {each.card}"
    for before in job.after:
        if before not in by_job or by_job[before][-1].end_s > own[0].begin_s:
            yield f"{job.name} begins before {before} has ended"


def _of_cards(problem: Problem, schedule: Schedule, stretches: list[_Stretch]) -> Iterator[str]:
    off = {each.job for each in schedule.unplaced}
    on: dict[str, list[_Stretch]] = defaultdict(list)
    for stretch in stretches:
        on[stretch.card].append(stretch)
    for card in problem.cards:
        held = sum(
            service.memory_bytes
            for service in problem.services
            if service.card == card.name and service.name not in off
        )
        yield from _of_card(card.name, card.memory_bytes - held, on[card.name])


def _of_card(card: str, memory_bytes: int, stretches: list[_Stretch]) -> Iterator[str]:
    """Goes through begins and ends on one card, the ends of a second before its begins."""
    changes = [(each.begin_s, 1, each) for each in stretches] + [(each.end_s, 0, each) for each in stretches]
    there: dict[str, Job] = {}
    for second, begins, each in sorted(changes, key=lambda change: change[:2]):
        if not begins:
            there.pop(each.job.name, None)
            continue
        there[each.job.name] = each.job
        used = sum(job.memory_bytes for job in there.values())
        if used > memory_bytes:
            yield f"{card} holds {used} bytes at {second} s and has {memory_bytes}"
        if len(there) > 1 and not all(job.shares for job in there.values()):
            yield f"{card} is shared at {second} s by {', '.join(sorted(there))}"


def _held_twice(stretches: list[_Stretch]) -> Iterator[str]:
    holding: dict[str, list[_Stretch]] = defaultdict(list)
    for stretch in stretches:
        for thing in stretch.job.holds:
            holding[thing].append(stretch)
    for thing, own in holding.items():
        for former, later in pairwise(sorted(own, key=lambda each: (each.begin_s, each.end_s))):
            if later.begin_s < former.end_s:
                yield f"{thing} is held by {former.job.name} and {later.job.name} at {later.begin_s} s"


def held_up(problem: Problem, schedule: Schedule) -> tuple[str, ...]:
    """Jobs that wait while one of lower priority has, on a card of theirs, what they could take from it.

    Looks at every second at which something begins or ends. Jobs with windows and jobs that hold something are left
    out: they may wait for other reasons.
    """
    by_name = {job.name: job for job in problem.jobs}
    stretches = _stretches(problem, schedule)
    seconds = sorted({second for each in stretches for second in (each.begin_s, each.end_s)})
    begins, ends = schedule.begins, schedule.ends
    lines: list[str] = []
    for job in problem.jobs:
        if job.windows or job.holds or job.name not in begins:
            continue
        ready = max([job.release_s, *(ends[before] for before in job.after)])
        own = [each for each in stretches if each.job is by_name[job.name]]
        for second in seconds:
            if ready <= second < ends[job.name] and not any(each.begin_s <= second < each.end_s for each in own):
                lines += _could_take(problem, schedule, job, second, stretches)
    return tuple(lines)


def _could_take(
    problem: Problem, schedule: Schedule, job: Job, second: int, stretches: list[_Stretch]
) -> Iterator[str]:
    off = {each.job for each in schedule.unplaced}
    for card in problem.cards:
        if card.kind not in job.seconds or (job.cards and card.name not in job.cards):
            continue
        there = [each.job for each in stretches if each.card == card.name and each.begin_s <= second < each.end_s]
        staying = [each for each in there if not (each.preemptible and each.priority < job.priority)]
        services = sum(
            each.memory_bytes for each in problem.services if each.card == card.name and each.name not in off
        )
        room = card.memory_bytes - services - sum(each.memory_bytes for each in staying)
        alone = not staying or (job.shares and all(each.shares for each in staying))
        if len(staying) < len(there) and alone and room >= job.memory_bytes:
            yield f"{job.name} waits at {second} s for jobs of lower priority on {card.name}"
