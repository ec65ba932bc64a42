"""Plans in waves: each card takes one job, and the next wave begins when the last of them has ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from pipelines.capacity.schedule.fit import Fit
from pipelines.capacity.schedule.jobs import Job
from pipelines.capacity.schedule.plan import Piece
from pipelines.capacity.schedule.work import run_alone


def in_waves(fit: Fit) -> list[Piece]:
    """The stretches of all jobs that can be placed, wave by wave, in order of priority and then as listed."""
    waiting = deque(sorted(fit.jobs, key=lambda job: -job.priority))
    pieces: list[Piece] = []
    ended: set[str] = set()
    now = 0
    while waiting:
        now = max(now, min(_may_begin(fit, job, now) for job in waiting if ended.issuperset(job.after)))
        wave = _wave(fit, waiting, ended, now)
        pieces += wave
        ended.update(piece.job for piece in wave)
        now = max(piece.end_s for piece in wave)
    return pieces


def _may_begin(fit: Fit, job: Job, now: int) -> int:
    """The first second at which a job may begin; for one with windows it depends on the fastest card's seconds."""
    fastest = min(fit.seconds[job.name].values())
    return run_alone(job, fastest, fit.openings[job.name], max(now, job.release_s))[0][0]


def _wave(fit: Fit, waiting: deque[Job], ended: set[str], now: int) -> list[Piece]:
    """Takes one job for each card out of those that wait; what can't begin now waits on."""
    free = {place: list(reversed(each.cards)) for place, each in enumerate(fit.classes)}
    held: set[str] = set()
    passed: list[Job] = []
    wave: list[Piece] = []
    while waiting and any(free.values()):
        job = waiting.popleft()
        stretches = _begins(fit, job, now, free) if ended.issuperset(job.after) and held.isdisjoint(job.holds) else None
        if stretches is None:
            passed.append(job)
            continue
        place, times = stretches
        card = free[place].pop()
        held.update(job.holds)
        wave += [Piece(job.name, card, begin, end) for begin, end in times]
    waiting.extendleft(reversed(passed))
    return wave


def _begins(fit: Fit, job: Job, now: int, free: Mapping[int, list[int]]) -> tuple[int, list[tuple[int, int]]] | None:
    """The fastest class with a free card on which a job would begin now, and when it would run there."""
    for place in fit.eligible[job.name]:
        if free[place] and job.release_s <= now:
            times = run_alone(job, fit.seconds[job.name][place], fit.openings[job.name], now)
            if times[0][0] == now:
                return place, times
    return None
