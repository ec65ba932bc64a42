"""The cards while a plan is made: what runs on each, which are empty, and what could be stopped for a better."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from pipelines.capacity.schedule.fit import CardClass, whole_seconds
from pipelines.capacity.schedule.jobs import Job, Sharing
from pipelines.capacity.schedule.work import Work


@dataclass(eq=False, slots=True)
class Running:
    """A job on a card, since it last began.

    Attributes:
        job: that runs.
        card: its place among the problem's cards.
        seconds: that the whole job takes there.
        work: that was left when it began.
        begin_s: when it began.
        done: seconds of work done since, as on a card of its own.
        until_s: second up to which `done` is counted.
        active: it still runs.
    """

    job: Job
    card: int
    seconds: int
    work: Work
    begin_s: int
    done: float = 0.0
    until_s: int = 0
    active: bool = True


@dataclass(frozen=True)
class Seat:
    """Where a job could run now.

    Attributes:
        card: its place among the problem's cards.
        victims: what has to be stopped for it.
        order: the lowest of several seats is the best.
    """

    card: int
    victims: tuple[Running, ...]
    order: tuple[float, ...]


@dataclass
class _Group:
    """The cards of one class, by what they have room for.

    Attributes:
        empty: heap of cards, with some that are no longer empty.
        partial: (free bytes, card) of those whose jobs share them, in order.
        whole: heap of (greatest priority, jobs, - begin of the latest, card, version) of cards on which all can be
            stopped, with some entries that are no longer true.
        stoppable: how many jobs of each priority can be stopped.
    """

    empty: list[int]
    partial: list[tuple[int, int]] = field(default_factory=list)
    whole: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    stoppable: Counter[int] = field(default_factory=Counter)


class Board:
    """What runs on which card."""

    def __init__(self, classes: Sequence[CardClass], sharing: Sharing) -> None:
        cards = sum(len(each.cards) for each in classes)
        self._sharing = sharing
        self._classes = classes
        self.class_of = {card: place for place, each in enumerate(classes) for card in each.cards}
        self._groups = [_Group(sorted(each.cards)) for each in classes]
        self.running: list[list[Running]] = [[] for _ in range(cards)]
        self._free = {card: each.memory_bytes for each in classes for card in each.cards}
        self.version = [0] * cards

    def free_seat(self, job: Job, place: int, seconds: float) -> Seat | None:
        """The best seat in a class for a job with so many seconds to do, with nobody stopped."""
        group, found = self._groups[place], list[Seat]()
        while group.empty and self.running[group.empty[0]]:
            heappop(group.empty)
        if group.empty:
            found.append(Seat(group.empty[0], (), (seconds, 1, place)))
        if job.shares and group.partial and group.partial[-1][0] >= job.memory_bytes:
            card = group.partial[-1][1]
            factor = self._sharing.factor(len(self.running[card]) + 1)
            found.append(Seat(card, (), (seconds * factor, 0, place)))
        return min(found, key=lambda seat: seat.order, default=None)

    def taken_seat(self, job: Job, place: int, seconds: float) -> Seat | None:
        """The best seat in a class that a job can have by stopping jobs of lower priority.

        The same choice as the scheduler of Kubernetes makes between nodes: first where the greatest priority of those
        that are stopped is lowest, then where they are fewest, then where they began last.
        """
        group = self._groups[place]
        if not any(priority < job.priority for priority in group.stoppable):
            return None
        if not job.shares:
            return self._whole(job, group, place, seconds)
        seats = (self._beside(job, card, place, seconds) for card in self._classes[place].cards)
        return min((seat for seat in seats if seat), key=lambda seat: (seat.order, seat.card), default=None)

    def _whole(self, job: Job, group: _Group, place: int, seconds: float) -> Seat | None:
        while group.whole and self.version[group.whole[0][3]] != group.whole[0][4]:
            heappop(group.whole)
        if not group.whole or group.whole[0][0] >= job.priority:
            return None
        priority, jobs, begin, card, _ = group.whole[0]
        return Seat(card, tuple(self.running[card]), (priority, jobs, begin, seconds, place))

    def _beside(self, job: Job, card: int, place: int, seconds: float) -> Seat | None:
        staying = [each for each in self.running[card] if not stoppable_for(job, each)]
        leaving = [each for each in self.running[card] if stoppable_for(job, each)]
        room = self._classes[place].memory_bytes - job.memory_bytes - sum(each.job.memory_bytes for each in staying)
        if room < 0 or not leaving or not all(each.job.shares for each in staying):
            return None
        victims = []
        # Those that count most, and have run longest, stay where there is room for them.
        for each in sorted(leaving, key=lambda each: (-each.job.priority, each.begin_s, each.job.name)):
            if each.job.shares and each.job.memory_bytes <= room:
                room -= each.job.memory_bytes
            else:
                victims.append(each)
        highest = max((each.job.priority for each in victims), default=job.priority)
        latest = max((each.begin_s for each in victims), default=0)
        return Seat(card, tuple(victims), (highest, len(victims), -latest, seconds, place))

    def add(self, running: Running) -> None:
        """Puts a job on its card; what runs there must be advanced before."""
        self._changed(running.card, [*self.running[running.card], running])

    def remove(self, running: Running) -> None:
        """Takes a job off its card; what runs there must be advanced before."""
        running.active = False
        self._changed(running.card, [each for each in self.running[running.card] if each is not running])

    def advance(self, card: int, now_s: int) -> None:
        """Counts the work done on a card up to now."""
        factor = self._sharing.factor(len(self.running[card]))
        for each in self.running[card]:
            each.done += (now_s - each.until_s) / factor
            each.until_s = now_s

    def ends(self, card: int) -> Iterator[tuple[int, Running]]:
        """When each job on a card will end if nothing changes there."""
        factor = self._sharing.factor(len(self.running[card]))
        for each in self.running[card]:
            left = each.work.todo(each.seconds) - each.done
            yield each.until_s + max(0, whole_seconds(left * factor)), each

    def _changed(self, card: int, now_there: list[Running]) -> None:
        group = self._groups[self.class_of[card]]
        before = self.running[card]
        if before and all(each.job.shares for each in before):
            del group.partial[bisect_left(group.partial, (self._free[card], card))]
        for each in before:
            if each.job.preemptible:
                group.stoppable[each.job.priority] -= 1
        self.running[card] = now_there
        self.version[card] += 1
        used = sum(each.job.memory_bytes for each in now_there)
        self._free[card] = self._classes[self.class_of[card]].memory_bytes - used
        for each in now_there:
            if each.job.preemptible:
                group.stoppable[each.job.priority] += 1
        group.stoppable = +group.stoppable
        self._list(group, card)

    def _list(self, group: _Group, card: int) -> None:
        there = self.running[card]
        if not there:
            heappush(group.empty, card)
            return
        if all(each.job.shares for each in there):
            insort(group.partial, (self._free[card], card))
        if all(each.job.preemptible for each in there):
            latest = max(each.begin_s for each in there)
            highest = max(each.job.priority for each in there)
            heappush(group.whole, (highest, len(there), -latest, card, self.version[card]))


def stoppable_for(job: Job, running: Running) -> bool:
    """Whether a running job may be stopped for another."""
    return running.job.preemptible and running.job.priority < job.priority
