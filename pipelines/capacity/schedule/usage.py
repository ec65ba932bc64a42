"""What a plan or a simulation comes to: how busy cards are, how long jobs wait, and what comes too late."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pipelines.capacity.schedule.jobs import Job, Problem
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.windows import Openings


@dataclass(frozen=True)
class CardUse:
    """How busy jobs keep a card; what services take of it is not counted.

    Attributes:
        card: its name.
        busy_seconds: in which at least one job runs.
        utilisation: these over all seconds until the last job has ended, 0 to 1.
    """

    card: str
    busy_seconds: int
    utilisation: float


@dataclass(frozen=True)
class Wait:
    """How long jobs of one priority wait until they first run.

    A wait begins when a job is released, those before it have ended and its window is open.

    Attributes:
        priority: of the jobs.
        jobs: that were placed.
        mean_seconds: of their waits.
        longest_seconds: of their waits.
    """

    priority: int
    jobs: int
    mean_seconds: float
    longest_seconds: int


@dataclass(frozen=True)
class GroupUse:
    """How a group of jobs comes out: periods that serving misses, retrainings that overrun.

    Attributes:
        group: its name.
        jobs: in it.
        unplaced: that no card can take.
        late: that end after their deadlines.
        longest_overrun_seconds: by which one ends after its deadline.
        stops: how often one of them was stopped on its way.
        end_s: second at which the last one ends.
    """

    group: str
    jobs: int
    unplaced: int
    late: int
    longest_overrun_seconds: int
    stops: int
    end_s: int

    @property
    def missed(self) -> int:
        """Those that aren't done by their deadlines or never."""
        return self.late + self.unplaced


@dataclass(frozen=True)
class Usage:
    """All of it.

    Attributes:
        cards: in the problem's order.
        waits: by priority, the highest first.
        groups: in the order in which the problem first names them.
    """

    cards: tuple[CardUse, ...]
    waits: tuple[Wait, ...]
    groups: tuple[GroupUse, ...]

    def group(self, name: str) -> GroupUse:
        """One group by its name."""
        return next(each for each in self.groups if each.group == name)


def usage_of(problem: Problem, schedule: Schedule) -> Usage:
    """Works out what a plan or a simulation comes to."""
    busy: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for placement in schedule.placements:
        busy[placement.card] += placement.segments
    span = max(schedule.makespan_seconds, 1)
    seconds = {card.name: _covered(busy[card.name]) for card in problem.cards}
    return Usage(
        cards=tuple(CardUse(card, each, each / span) for card, each in seconds.items()),
        waits=_waits(problem, schedule),
        groups=_groups(problem, schedule),
    )


def _covered(stretches: list[tuple[int, int]]) -> int:
    """Seconds that stretches cover together."""
    covered, until = 0, 0
    for begin, end in sorted(stretches):
        covered += max(0, end - max(begin, until))
        until = max(until, end)
    return covered


def _waits(problem: Problem, schedule: Schedule) -> tuple[Wait, ...]:
    begins, ends = schedule.begins, schedule.ends
    waits: dict[int, list[int]] = defaultdict(list)
    for job in problem.jobs:
        if job.name in begins:
            ready = max([job.release_s, *(ends[before] for before in job.after)])
            opens = max(ready, Openings.of(job.windows).at_or_after(ready)[0])
            waits[job.priority].append(max(0, begins[job.name] - opens))
    return tuple(
        Wait(priority, len(each), sum(each) / len(each), max(each))
        for priority, each in sorted(waits.items(), reverse=True)
    )


def _groups(problem: Problem, schedule: Schedule) -> tuple[GroupUse, ...]:
    members: dict[str, list[Job]] = defaultdict(list)
    for job in problem.jobs:
        members[job.group].append(job)
    ends, late = schedule.ends, {each.job: each.seconds for each in schedule.late}
    stretches: dict[str, int] = defaultdict(int)
    for placement in schedule.placements:
        stretches[placement.job] += len(placement.segments)
    return tuple(
        GroupUse(
            group=group,
            jobs=len(jobs),
            unplaced=sum(job.name not in ends for job in jobs),
            late=sum(job.name in late for job in jobs),
            longest_overrun_seconds=max(late.get(job.name, 0) for job in jobs),
            stops=sum(max(0, stretches[job.name] - 1) for job in jobs),
            end_s=max(ends.get(job.name, 0) for job in jobs),
        )
        for group, jobs in members.items()
    )
