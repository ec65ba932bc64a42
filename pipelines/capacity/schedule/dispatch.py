"""List scheduling, second by second: whenever something changes, the jobs that count most take what is free.

This is what a cluster does while it runs, and with a good order (Graham, Bounds on multiprocessing timing anomalies,
1969) it is a good plan, too. Each change costs about the logarithm of what waits and runs, for each shape of jobs that
wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from heapq import heappop, heappush

from pipelines.capacity.schedule.board import Board, Running, Seat, stoppable_for
from pipelines.capacity.schedule.fit import Fit
from pipelines.capacity.schedule.jobs import Job, Problem
from pipelines.capacity.schedule.plan import Piece
from pipelines.capacity.schedule.waiting import Key, Shape, Waiting
from pipelines.capacity.schedule.work import Work, worth_beginning


@dataclass(frozen=True)
class Order:
    """How jobs go before one another, and where they may go.

    Attributes:
        rank: by job, the lowest goes first among those of its priority.
        only: by job, the classes of cards that it waits for; a job that is missing takes any that can have it.
    """

    rank: Mapping[str, float]
    only: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def dispatch(problem: Problem, fit: Fit, order: Order) -> list[Piece]:
    """The stretches in which the jobs run that can be placed."""
    return _Dispatch(problem, fit, order).run()


class _Kind(IntEnum):
    """What happens at a second, in this order."""

    END = 0
    CLOSE = 1
    READY = 2
    LOOK = 3


class _Outcome(Enum):
    BEGUN = 0
    BEGUN_FOR_ANOTHER = 1
    NO_CARD = 2
    CLOSED = 3
    FEWER_CARDS = 4


class _Dispatch:
    def __init__(self, problem: Problem, fit: Fit, order: Order) -> None:
        self._fit = fit
        self._only = order.only
        self._board = Board(fit.classes, problem.sharing)
        self._jobs = list(fit.jobs)
        self._keys: dict[str, Key] = {
            job.name: (-job.priority, order.rank[job.name], place) for place, job in enumerate(fit.jobs)
        }
        self._work = dict.fromkeys(self._keys, Work())
        self._missing = {job.name: len(set(job.after)) for job in fit.jobs}
        self._following: dict[str, list[Job]] = defaultdict(list)
        self._waiting = Waiting()
        self._holders: dict[str, Running] = {}
        self._events: list[tuple[int, _Kind, int, Job | Running, int]] = []
        self._count = 0
        self._pieces: list[Piece] = []

    def run(self) -> list[Piece]:
        for job in self._jobs:
            for before in set(job.after):
                self._following[before].append(job)
            if not job.after:
                self._at(job.release_s, _Kind.READY, job)
        while self._events:
            now = self._events[0][0]
            while self._events and self._events[0][0] == now:
                _, kind, _, what, version = heappop(self._events)
                self._happens(now, kind, what, version)
            self._begin_what_can(now)
        return self._pieces

    def _at(self, second: int, kind: _Kind, what: Job | Running, version: int = 0) -> None:
        self._count += 1
        heappush(self._events, (second, kind, self._count, what, version))

    def _happens(self, now: int, kind: _Kind, what: Job | Running, version: int) -> None:
        if isinstance(what, Job):
            if kind is _Kind.READY or self._keys[what.name] in self._waiting:
                self._wait(what, self._classes(what))
        elif kind is _Kind.CLOSE and what.active:
            self._stop(what, now, closed=True)
        elif kind is _Kind.END and what.active and version == self._board.version[what.card]:
            self._leave(what, now)
            for job in self._following[what.job.name]:
                self._missing[job.name] -= 1
                if not self._missing[job.name]:
                    self._at(max(now, job.release_s), _Kind.READY, job)

    def _wait(self, job: Job, places: tuple[int, ...]) -> None:
        shape = Shape(places, job.shares, job.memory_bytes if job.shares else 0, job.holds)
        self._waiting.put(self._keys[job.name], shape)

    def _classes(self, job: Job) -> tuple[int, ...]:
        return self._only.get(job.name) or self._fit.eligible[job.name]

    def _todo(self, job: Job, place: int) -> float:
        return self._work[job.name].todo(self._fit.seconds[job.name][place])

    def _begin_what_can(self, now: int) -> None:
        heads = self._waiting.heads()
        while heads:
            key, shape = heappop(heads)
            outcome = self._begin(self._jobs[key[2]], shape, now)
            if outcome is _Outcome.BEGUN_FOR_ANOTHER:
                heads = self._waiting.heads()
            elif outcome is not _Outcome.NO_CARD and (first := self._waiting.first(shape)):
                heappush(heads, (first, shape))

    def _begin(self, job: Job, shape: Shape, now: int) -> _Outcome:
        openings = self._fit.openings[job.name]
        room = openings.room(now)
        places = tuple(place for place in shape.places if worth_beginning(job, self._todo(job, place), room))
        if not places:
            self._waiting.take(self._keys[job.name])
            self._at(int(openings.next_begin(now)), _Kind.READY, job)
            return _Outcome.CLOSED
        holders = [self._holders[thing] for thing in job.holds if thing in self._holders]
        seat = self._seat(job, places) if all(stoppable_for(job, each) for each in holders) else None
        if seat is None:
            return self._go_on_waiting(job, shape, places, openings.at_or_after(now)[1])
        self._waiting.take(self._keys[job.name])
        stopped = list(dict.fromkeys((*holders, *seat.victims)))
        for each in stopped:
            self._stop(each, now)
        self._enter(job, seat.card, now)
        return _Outcome.BEGUN_FOR_ANOTHER if stopped else _Outcome.BEGUN

    def _go_on_waiting(self, job: Job, shape: Shape, places: tuple[int, ...], closes: float) -> _Outcome:
        """A job that is too long by now for some classes holds up no shorter one of its shape that could have them."""
        if places == shape.places:
            return _Outcome.NO_CARD
        self._wait(job, places)
        self._at(int(closes), _Kind.LOOK, job)
        return _Outcome.FEWER_CARDS

    def _seat(self, job: Job, places: tuple[int, ...]) -> Seat | None:
        for seats in (self._board.free_seat, self._board.taken_seat):
            found = [seat for place in places if (seat := seats(job, place, self._todo(job, place)))]
            if found:
                return min(found, key=lambda seat: (seat.order, seat.card))
        return None

    def _enter(self, job: Job, card: int, now: int) -> None:
        self._board.advance(card, now)
        seconds = self._fit.seconds[job.name][self._board.class_of[card]]
        running = Running(job, card, seconds, self._work[job.name], begin_s=now, until_s=now)
        self._board.add(running)
        self._holders.update(dict.fromkeys(job.holds, running))
        self._expect_ends(card)
        openings = self._fit.openings[job.name]
        if openings.stretches and job.preemptible:
            self._at(int(openings.at_or_after(now)[1]), _Kind.CLOSE, running)

    def _leave(self, running: Running, now: int) -> None:
        self._board.advance(running.card, now)
        self._board.remove(running)
        for thing in running.job.holds:
            del self._holders[thing]
        self._expect_ends(running.card)
        if now > running.begin_s:
            self._pieces.append(Piece(running.job.name, running.card, running.begin_s, now))

    def _stop(self, running: Running, now: int, closed: bool = False) -> None:
        self._leave(running, now)
        job = running.job
        if now > running.begin_s:
            work = running.work.stopped(job, running.seconds, running.done)
            if closed and job.shares and work.left_share >= running.work.left_share:
                # With others on its card it would get nowhere in the next window either.
                job = self._jobs[self._keys[job.name][2]] = replace(job, exclusive=True)
            self._work[job.name] = work
        self._wait(job, self._classes(job))

    def _expect_ends(self, card: int) -> None:
        for end, running in self._board.ends(card):
            self._at(end, _Kind.END, running, self._board.version[card])
