"""What is to be planned: cards, jobs that want them, and services that never leave them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from components.errors import InputError
from pipelines.capacity.schedule.windows import Window

# The kind of a slot that has no card; a job that may run there names its seconds under this key.
CPU = "cpu"


@dataclass(frozen=True)
class CardSlot:
    """One card, or one place on a CPU (kind `cpu`).

    Attributes:
        name: of this one.
        kind: of the card; jobs say their seconds for each kind.
        memory_bytes: that jobs can have of it.
    """

    name: str
    kind: str
    memory_bytes: int


@dataclass(frozen=True)
class Job:
    """Work that is done once.

    Times are whole seconds in every plan: seconds are rounded up, so that what is planned also holds.

    Attributes:
        name: unlike any other job's.
        group: jobs that are counted together: a fold, an experiment, a service's runs.
        seconds: that it takes on a card of its own, by kind of card; a kind that is missing can't run it.
        memory_bytes: that it holds of a card while it runs.
        priority: a greater one goes first, as in Kubernetes.
        release_s: before this second it can't begin.
        deadline_s: by this second it should have ended; later counts as late.
        windows: when it may run; none for always.
        preemptible: it may be stopped, by a job of higher priority or where its window closes, and resumed on any card.
        checkpoint_loss_seconds: work, of that since it last began, that is done again when it was stopped; all of it
            where that is less.
        restart_seconds: until it works again when it is resumed.
        after: names of jobs that must have ended before.
        exclusive: it shares its card with no other job; services share it all the same.
        cards: names of the cards that it is pinned to; none for any.
        holds: names of things that one job at a time may hold, such as the model store while a version is written.
    """

    name: str
    group: str
    seconds: Mapping[str, float]
    memory_bytes: int
    priority: int = 0
    release_s: int = 0
    deadline_s: int | None = None
    windows: tuple[Window, ...] = ()
    preemptible: bool = False
    checkpoint_loss_seconds: int = 0
    restart_seconds: int = 0
    after: tuple[str, ...] = ()
    exclusive: bool = True
    cards: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"job {self.name}"
        for kind, seconds in self.seconds.items():
            if not (math.isfinite(seconds) and seconds > 0):
                raise InputError(where, f"takes {seconds} s on {kind}", "give more than 0 seconds, or leave it out")
        numbers = (self.memory_bytes, self.release_s, self.checkpoint_loss_seconds, self.restart_seconds)
        if min(numbers) < 0:
            raise InputError(where, "has a negative memory, release, loss or restart", "give 0 or more")

    @property
    def shares(self) -> bool:
        """Whether other jobs may run on its card beside it.

        One that can't be stopped when its window closes must know its end, so it has its card to itself.
        """
        return not self.exclusive and (self.preemptible or not self.windows)


@dataclass(frozen=True)
class Service:
    """Something that is always on and never leaves its card.

    Attributes:
        name: of the service.
        memory_bytes: that it holds all the time.
        card: name of the card that it is on.
        load_share: part of the card's time that it takes, 0 to less than 1; jobs beside it get the rest.
    """

    name: str
    memory_bytes: int
    card: str
    load_share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.load_share < 1:
            fix = "give 0 to less than 1; make a job of what takes a whole card"
            raise InputError(f"service {self.name}", f"takes {self.load_share:g} of its card", fix)


@dataclass(frozen=True)
class Periodic:
    """A job that comes again.

    Attributes:
        job: the first one; without a deadline it should have ended when the next one comes.
        every_seconds: from one to the next.
        until_s: none is released at this second or later.
    """

    job: Job
    every_seconds: int
    until_s: int

    def expand(self) -> tuple[Job, ...]:
        """All of them, named by the second at which each is released."""
        if self.every_seconds < 1:
            raise InputError(f"job {self.job.name}", f"comes every {self.every_seconds} s", "give 1 second or more")
        due = self.every_seconds if self.job.deadline_s is None else self.job.deadline_s - self.job.release_s
        return tuple(
            replace(self.job, name=f"{self.job.name}@{second}", release_s=second, deadline_s=second + due)
            for second in range(self.job.release_s, self.until_s, self.every_seconds)
        )


@dataclass(frozen=True)
class Sharing:
    """How jobs slow one another down on a card.

    Attributes:
        slowdown_per_neighbour: by this part of its time a job takes longer for each other job on its card. 1 is
            time slicing in equal shares, as NVIDIA's device plugin for Kubernetes shares a card; 0 is no slowdown.
    """

    slowdown_per_neighbour: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slowdown_per_neighbour) and self.slowdown_per_neighbour >= 0):
            raise InputError("slowdown_per_neighbour", f"is {self.slowdown_per_neighbour}", "give 0 or more")

    def factor(self, jobs: int) -> float:
        """How many times longer each of so many jobs on one card takes."""
        return 1 + (jobs - 1) * self.slowdown_per_neighbour


@dataclass(frozen=True)
class Problem:
    """All that a plan has to settle.

    Attributes:
        cards: that there are.
        jobs: to be placed.
        services: always on.
        sharing: how jobs on one card slow one another down.

    Raises:
        InputError: a name is there twice or not at all, or jobs wait for one another in a circle.
    """

    cards: tuple[CardSlot, ...]
    jobs: tuple[Job, ...]
    services: tuple[Service, ...] = ()
    sharing: Sharing = field(default_factory=Sharing)

    def __post_init__(self) -> None:
        _unlike("card", (card.name for card in self.cards))
        _unlike("job", (job.name for job in self.jobs))
        cards, jobs = {card.name for card in self.cards}, {job.name for job in self.jobs}
        for service in self.services:
            _known(f"service {service.name}", {service.card}, cards, "card")
        for job in self.jobs:
            if job.cards or job.after:
                _known(f"job {job.name}", set(job.cards), cards, "card")
                _known(f"job {job.name}", set(job.after), jobs, "job")
        in_order(self.jobs)


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Jobs, each behind those that it comes after.

    Raises:
        InputError: some come after one another in a circle.
    """
    by_name = {job.name: job for job in jobs}
    missing = {name: sum(before in by_name for before in set(job.after)) for name, job in by_name.items()}
    following: dict[str, list[str]] = {}
    for job in by_name.values():
        for before in set(job.after):
            following.setdefault(before, []).append(job.name)
    ready = [name for name, count in missing.items() if not count]
    for name in ready:
        for later in following.get(name, ()):
            missing[later] -= 1
            if not missing[later]:
                ready.append(later)
    if len(ready) < len(by_name):
        circle = next(name for name, count in missing.items() if count)
        raise InputError(f"job {circle}", "waits for itself through others", "break the circle of `after`")
    return [by_name[name] for name in ready]


def _unlike(what: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{what} {twice[0]}", "is there more than once", f"give each {what} a name of its own")


def _known(where: str, named: set[str], known: set[str], what: str) -> None:
    for name in sorted(named - known):
        raise InputError(where, f"names the {what} {name}, which isn't there", f"add that {what} or mend the name")
