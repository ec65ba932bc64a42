"""What an example consists of: figures as stated and as computed, side by side, and the plans that they come from."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.capacity.catalogue.stated import Contradiction
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.jobs import CardSlot, Service
from pipelines.capacity.schedule.plan import Schedule

# The documents round to two or three digits: 4.9 for 4.915, 1.3 for 1.333.
_ROUNDED = 0.03


@dataclass(frozen=True)
class Statement:
    """What a document says.

    Attributes:
        value: the figure, in the row's unit.
        source: the document.
        note: what the document says with it.
    """

    value: Range
    source: str
    note: str = ""

    def __str__(self) -> str:
        said = ", ".join(part for part in (self.source, self.note) if part)
        return f"{self.value} ({said})"


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: it is.
        unit: of both sides; empty where the answer is a word.
        stated: all that the documents say about it; empty where they say nothing.
        computed: the figure by arithmetic, or a word such as `no`; None where nothing can be computed.
        how: it was computed.
        contradictions: of the documents that it touches.
    """

    what: str
    unit: str
    stated: tuple[Statement, ...]
    computed: Range | str | None
    how: str
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the computed figure lies outside of what is stated, rounding aside; a word never does."""
        if not self.stated or not isinstance(self.computed, Range):
            return False
        low = min(each.value.low for each in self.stated)
        high = max(each.value.high for each in self.stated)
        return self.computed.high < low * (1 - _ROUNDED) or self.computed.low > high * (1 + _ROUNDED)

    @property
    def contradiction(self) -> str:
        """All contradictions in words; empty for none."""
        return " ".join(each.text for each in self.contradictions)


@dataclass(frozen=True)
class Part:
    """Rows of one subject."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Planned:
    """A workload's plan.

    Attributes:
        title: what is planned.
        cards: that it runs on, idle ones too.
        schedule: when each job runs on which of them.
        services: that are always on beside the jobs.
        clock: whether its hours are times of the week.
    """

    title: str
    cards: tuple[CardSlot, ...]
    schedule: Schedule
    services: tuple[Service, ...] = ()
    clock: bool = False


@dataclass(frozen=True)
class Comparison:
    """An example.

    Attributes:
        name: by which it is asked for.
        title: in words.
        parts: its rows by subject.
        plans: the workload's plans, where it has any.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    plans: tuple[Planned, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of all parts."""
        return tuple(row for part in self.parts for row in part.rows)

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        """Those of all rows, each once, in the order in which rows first name them."""
        return tuple({each.key: each for row in self.rows for each in row.contradictions}.values())
