"""A discrete-event simulator: replays what a plan decides, or lets a queue decide as it goes.

A replay takes from the plan only what is decided: which job begins on which card at which second, and which is stopped
at which. When jobs end follows from their work and from what is beside them; what can't begin as planned (its card is
full, another job hasn't ended, its window is closed) waits. So a plan that overlooks something comes out differently.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum
from heapq import heapify, heappop, heappush

from pipelines.capacity.schedule.bounds import lower_bound_seconds
from pipelines.capacity.schedule.check import violations
from pipelines.capacity.schedule.dispatch import dispatch
from pipelines.capacity.schedule.fit import fit_of, whole_seconds
from pipelines.capacity.schedule.jobs import Job, Problem
from pipelines.capacity.schedule.orders import first_come
from pipelines.capacity.schedule.plan import Piece, Schedule, schedule_of
from pipelines.capacity.schedule.windows import Openings
from pipelines.capacity.schedule.work import Work


def run_queue(problem: Problem) -> Schedule:
    """What happens where nobody plans: jobs take cards by priority, and among equals who comes first goes first.

    Jobs of higher priority stop those of lower that are preemptible, and windows close on those that run.
    """
    fit = fit_of(problem)
    pieces = dispatch(problem, fit, first_come(fit))
    return schedule_of(problem, pieces, fit.unplaced, "first come, first served", lower_bound_seconds(problem, fit))


def replay(problem: Problem, schedule: Schedule) -> Schedule:
    """What becomes of a plan when its decisions are carried out."""
    pieces = _Replay(problem, schedule).run()
    method = f"{schedule.method}, replayed"
    return schedule_of(problem, pieces, schedule.unplaced, method, schedule.lower_bound_seconds)


def disagreements(problem: Problem, schedule: Schedule) -> tuple[str, ...]:
    """Where a plan breaks a rule, or its replay comes out differently; nothing where both agree."""
    broken = violations(problem, schedule)
    planned, found = schedule.placements, replay(problem, schedule).placements
    lines = [f"planned, but not so in the replay: {each}" for each in planned if each not in set(found)]
    lines += [f"in the replay, but not planned: {each}" for each in found if each not in set(planned)]
    return (*broken, *lines)


class _Event(IntEnum):
    """What may happen at a second, in this order."""

    END = 0
    STOP = 1
    BEGIN = 2


@dataclass(eq=False, slots=True)
class _Step:
    """A planned stretch, and how far it has come.

    Attributes:
        job: that runs.
        card: its place among the problem's cards.
        begin_s: planned begin, and from then on the real one.
        stop_s: planned end.
        last: the job ends in it; in any other it is stopped at the planned end.
        seconds: that the whole job takes there.
        left: of its work and restart, at `counted_s`, as on a card of its own.
        counted_s: second up to which work is counted.
        running: it has begun and not ended.
    """

    job: Job
    card: int
    begin_s: int
    stop_s: int
    last: bool
    seconds: int
    left: float = 0.0
    counted_s: int = 0
    running: bool = False


class _Replay:
    def __init__(self, problem: Problem, schedule: Schedule) -> None:
        self._sharing = problem.sharing
        self._steps, self._free = _decisions(problem, schedule)
        self._openings = {job.name: Openings.of(job.windows) for job in problem.jobs}
        self._work: dict[str, Work] = defaultdict(Work)
        self._on: list[list[int]] = [[] for _ in problem.cards]
        self._active: set[str] = set()
        self._ended: set[str] = set()
        self._held: set[str] = set()
        self._late: list[int] = []
        self._events = [(step.begin_s, _Event.BEGIN, number) for number, step in enumerate(self._steps)]
        self._pieces: list[Piece] = []

    def run(self) -> list[Piece]:
        heapify(self._events)
        while self._events:
            now, event, number = heappop(self._events)
            step = self._steps[number]
            if event is _Event.BEGIN:
                self._try(number, now)
            elif step.running:
                self._count(step.card, now)
                if event is _Event.STOP or whole_seconds(step.left) <= 0:
                    self._leave(number, now)
        return self._pieces

    def _try(self, number: int, now: int) -> None:
        """Begins a stretch, or lets it wait for what stands in its way."""
        step = self._steps[number]
        job = step.job
        if job.name in self._ended or (now >= step.stop_s and not step.last):
            return
        opens = self._openings[job.name].at_or_after(now)[0]
        if opens > now:
            heappush(self._events, (opens, _Event.BEGIN, number))
        elif self._in_the_way(step):
            self._late.append(number)
        else:
            self._enter(number, now)

    def _in_the_way(self, step: _Step) -> bool:
        job, there = step.job, self._on[step.card]
        return (
            job.name in self._active
            or not self._ended.issuperset(job.after)
            or not self._held.isdisjoint(job.holds)
            or job.memory_bytes > self._free[step.card]
            or (bool(there) and not (job.shares and all(self._steps[each].job.shares for each in there)))
        )

    def _enter(self, number: int, now: int) -> None:
        step = self._steps[number]
        self._count(step.card, now)
        step.begin_s = step.counted_s = now
        step.left, step.running = self._work[step.job.name].todo(step.seconds), True
        self._on[step.card].append(number)
        self._free[step.card] -= step.job.memory_bytes
        self._active.add(step.job.name)
        self._held.update(step.job.holds)
        if not step.last:
            heappush(self._events, (step.stop_s, _Event.STOP, number))
        self._expect_ends(step.card)

    def _leave(self, number: int, now: int) -> None:
        step = self._steps[number]
        job, work = step.job, self._work[step.job.name]
        step.running = False
        self._on[step.card].remove(number)
        self._free[step.card] += job.memory_bytes
        self._active.discard(job.name)
        self._held.difference_update(job.holds)
        self._pieces.append(Piece(job.name, step.card, step.begin_s, now))
        if whole_seconds(step.left) <= 0:
            self._ended.add(job.name)
        else:
            self._work[job.name] = work.stopped(job, step.seconds, work.todo(step.seconds) - step.left)
        self._expect_ends(step.card)
        for each in self._late:
            heappush(self._events, (now, _Event.BEGIN, each))
        self._late.clear()

    def _count(self, card: int, now: int) -> None:
        """Counts the work that was done on a card up to now."""
        factor = self._sharing.factor(len(self._on[card]))
        for number in self._on[card]:
            step = self._steps[number]
            step.left -= (now - step.counted_s) / factor
            step.counted_s = now

    def _expect_ends(self, card: int) -> None:
        factor = self._sharing.factor(len(self._on[card]))
        for number in self._on[card]:
            step = self._steps[number]
            end = step.counted_s + max(0, whole_seconds(step.left * factor))
            heappush(self._events, (end, _Event.END, number))


def _decisions(problem: Problem, schedule: Schedule) -> tuple[list[_Step], list[int]]:
    """The planned stretches in order of time, and the memory that services leave of each card."""
    off = {each.job for each in schedule.unplaced}
    places = {card.name: place for place, card in enumerate(problem.cards)}
    free, taken = [card.memory_bytes for card in problem.cards], [0.0] * len(problem.cards)
    for service in problem.services:
        if service.name not in off:
            free[places[service.card]] -= service.memory_bytes
            taken[places[service.card]] += service.load_share
    jobs, ends, steps = {job.name: job for job in problem.jobs}, schedule.ends, []
    for placement in schedule.placements:
        job, place = jobs[placement.job], places[placement.card]
        seconds = whole_seconds(job.seconds[problem.cards[place].kind] / (1 - taken[place]))
        steps += [_Step(job, place, begin, end, end == ends[job.name], seconds) for begin, end in placement.segments]
    return sorted(steps, key=lambda step: (step.begin_s, step.card, step.job.name)), free
