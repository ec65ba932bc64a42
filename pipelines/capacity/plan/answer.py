"""What the planner answers: what fits, how long it takes, in which order, at what price, and what to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.capacity.catalogue.stated import Contradiction
from pipelines.capacity.duration.history import Epochs
from pipelines.capacity.duration.predict import TimeEstimate
from pipelines.capacity.memory.needs import MemoryNeed
from pipelines.capacity.plan.request import Request
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.jobs import Problem
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.usage import Usage

Use = Literal["training", "serving", "fixed"]


@dataclass(frozen=True)
class WorkloadMemory:
    """Memory of one workload on one kind of card.

    Attributes:
        workload: its name: a member, `serving`, or what the user calls it.
        use: training, serving, or something else that stays.
        card: key of the kind of card; empty for the CPU's memory.
        formula: by term, in closed form.
        compiled_bytes: what the compiler assigns to the same step; None where it wasn't compiled.
        observed_bytes: what was measured; None where it wasn't.
        room_bytes: of the card, beside what stays on it.
    """

    workload: str
    use: Use
    card: str
    formula: MemoryNeed
    compiled_bytes: int | None
    observed_bytes: int | None
    room_bytes: int

    @property
    def fits(self) -> bool:
        """Whether the formula's sum fits."""
        return self.formula.total_bytes <= self.room_bytes

    @property
    def spare_bytes(self) -> int:
        """What is left; negative where it doesn't fit."""
        return self.room_bytes - self.formula.total_bytes


@dataclass(frozen=True)
class MemberTime:
    """How long one member's training takes on one kind of card.

    Attributes:
        member: its name.
        card: key of the kind of card.
        precision: that it is trained in.
        step: of one batch.
        training: of all passes; its `stated` is what a document says of one model on such a card.
        epochs: the passes, and who says so.
    """

    member: str
    card: str
    precision: str
    step: TimeEstimate
    training: TimeEstimate
    epochs: Epochs


@dataclass(frozen=True)
class Order:
    """One way to bring the work onto the cards.

    Attributes:
        title: of the way.
        problem: that is solved: the longest times, so that what is planned also holds.
        schedule: when what runs where.
        usage: how busy the cards are, and what comes late.
        hours: that all of it takes, with the shortest times and the longest.
        in_time: whether nothing is late and nothing is left out.
        rent_usd: of so many hours of these cards on demand; None where the catalogue has no instance with them.
    """

    title: str
    problem: Problem
    schedule: Schedule
    usage: Usage
    hours: Range
    in_time: bool
    rent_usd: Range | None


@dataclass(frozen=True)
class Purchase:
    """What the cards cost.

    Attributes:
        what: is rented or bought.
        monthly_usd: while it is there.
        initial_usd: to begin with.
        break_even_months: after which buying is cheaper than the rent on the line of an instance; None for never or
            where there is nothing to compare.
    """

    what: str
    monthly_usd: Range
    initial_usd: Range
    break_even_months: Range | None = None


@dataclass(frozen=True)
class Change:
    """Something that makes it fit.

    Attributes:
        what: to change, in words.
        option: of the command line that says it.
        fits: whether everything fits with it.
        in_time: whether everything is done in time with it.
        largest_bytes: memory of the workload that takes most, with it.
        hours: that the night's trainings take, with it.
        price: what it costs beyond what is there, in words.
    """

    what: str
    option: str
    fits: bool
    in_time: bool
    largest_bytes: int
    hours: Range | None
    price: str


@dataclass(frozen=True)
class Answer:
    """A plan.

    Attributes:
        request: that is answered.
        fits: whether every workload fits on a card that it may use, beside what stays there.
        in_time: whether the chosen order is done in time.
        serving_on: key of the card on which serving stays, or `cpu`.
        why: what doesn't fit or is late, one sentence each.
        memory: by workload and kind of card.
        times: by member and kind of card.
        serving_time: of one batch of windows where serving runs; None without a card and a calibration.
        orders: the chosen one first.
        purchases: what such cards cost.
        changes: the cheapest first.
        remarks: what nobody asked.
        contradictions: of the documents that these figures touch.
        measured_on: devices and days of what was compiled and observed; empty where nothing was.
    """

    request: Request
    fits: bool
    in_time: bool
    serving_on: str
    why: tuple[str, ...]
    memory: tuple[WorkloadMemory, ...]
    times: tuple[MemberTime, ...]
    serving_time: TimeEstimate | None
    orders: tuple[Order, ...]
    purchases: tuple[Purchase, ...]
    changes: tuple[Change, ...] = ()
    remarks: tuple[str, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    measured_on: tuple[str, ...] = ()

    @property
    def order(self) -> Order | None:
        """The chosen one; None where there is nothing to run on."""
        return self.orders[0] if self.orders else None

    @property
    def holds(self) -> bool:
        """Whether everything fits and is done in time."""
        return self.fits and self.in_time
