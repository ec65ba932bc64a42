"""What a plan says: which job runs where and when, and how good that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.capacity.schedule.jobs import Problem


@dataclass(frozen=True)
class Placement:
    """A job's time on one card; a job that was stopped and went on elsewhere has several, in order of time.

    Attributes:
        job: its name.
        card: the card's name.
        segments: (begin_s, end_s) of each stretch in which it ran.
    """

    job: str
    card: str
    segments: tuple[tuple[int, int], ...]

    @property
    def begin_s(self) -> int:
        """Second at which it first runs there."""
        return self.segments[0][0]

    @property
    def end_s(self) -> int:
        """Second at which it last ran there."""
        return self.segments[-1][1]


@dataclass(frozen=True)
class Late:
    """A job that ends after its deadline, by so many seconds."""

    job: str
    seconds: int


@dataclass(frozen=True)
class Unplaced:
    """A job or service that none of the cards can take, and why."""

    job: str
    why: str


@dataclass(frozen=True)
class Schedule:
    """A plan.

    Attributes:
        placements: by begin, then by card.
        makespan_seconds: second at which the last job ends.
        late: jobs that end after their deadlines.
        unplaced: jobs that no card can take.
        proven_best: no plan has a lower `cost`, among those in which every job has its card to itself and none is
            stopped on its way.
        lower_bound_seconds: no plan ends before this second.
        method: how it was found.
    """

    placements: tuple[Placement, ...]
    makespan_seconds: int
    late: tuple[Late, ...]
    unplaced: tuple[Unplaced, ...]
    proven_best: bool
    lower_bound_seconds: int
    method: str

    @property
    def ends(self) -> dict[str, int]:
        """Second at which each placed job has ended."""
        ends: dict[str, int] = {}
        for placement in self.placements:
            ends[placement.job] = max(ends.get(placement.job, 0), placement.end_s)
        return ends

    @property
    def begins(self) -> dict[str, int]:
        """Second at which each placed job first runs."""
        begins: dict[str, int] = {}
        for placement in self.placements:
            begins[placement.job] = min(begins.get(placement.job, placement.begin_s), placement.begin_s)
        return begins

    def on(self, card: str) -> tuple[Placement, ...]:
        """The placements on one card."""
        return tuple(placement for placement in self.placements if placement.card == card)


@dataclass(frozen=True)
class Piece:
    """A stretch of a job on a card, as planners find it; the card by its place among the problem's cards."""

    job: str
    card: int
    begin_s: int
    end_s: int


def schedule_of(
    problem: Problem, pieces: Iterable[Piece], unplaced: Sequence[Unplaced], method: str, lower_bound_seconds: int
) -> Schedule:
    """The plan that pieces make; proven best where it meets the bound and nothing else is at stake.

    Nothing else is: all jobs have one priority, and none is late.
    """
    by_job: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        by_job[piece.job].append(piece)
    placements = [placement for found in by_job.values() for placement in _placements(problem, found)]
    ends = {name: max(piece.end_s for piece in found) for name, found in by_job.items()}
    late = tuple(
        Late(job.name, ends[job.name] - job.deadline_s)
        for job in problem.jobs
        if job.deadline_s is not None and ends.get(job.name, 0) > job.deadline_s
    )
    makespan = max(ends.values(), default=0)
    one_level = len({job.priority for job in problem.jobs if job.name in ends}) <= 1
    return Schedule(
        placements=tuple(sorted(placements, key=lambda each: (each.begin_s, each.card, each.job))),
        makespan_seconds=makespan,
        late=late,
        unplaced=tuple(unplaced),
        proven_best=one_level and not late and makespan <= lower_bound_seconds,
        lower_bound_seconds=lower_bound_seconds,
        method=method,
    )


def _placements(problem: Problem, pieces: list[Piece]) -> list[Placement]:
    """One placement for each run of pieces on the same card."""
    runs: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda each: each.begin_s):
        if runs and runs[-1][0].card == piece.card:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return [
        Placement(run[0].job, problem.cards[run[0].card].name, tuple((piece.begin_s, piece.end_s) for piece in run))
        for run in runs
    ]


Cost = tuple[tuple[int, int], ...]


def cost(problem: Problem, schedule: Schedule) -> Cost:
    """How good a plan is, the lower the better, compared from left to right.

    For each priority, the highest first: seconds that its jobs are late, all together, and the second at which its last
    one ends. So no job is held up for the good of one that counts less.
    """
    ends, late = schedule.ends, {each.job: each.seconds for each in schedule.late}
    levels: dict[int, list[int]] = {}
    for job in problem.jobs:
        if job.name in ends:
            level = levels.setdefault(job.priority, [0, 0])
            level[0] += late.get(job.name, 0)
            level[1] = max(level[1], ends[job.name])
    return tuple((level[0], level[1]) for _, level in sorted(levels.items(), reverse=True))
