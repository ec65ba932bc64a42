"""The ensemble's cycle on some cards of one kind: five trainings, at the hours that v100-options states for one."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.examples.comparison import Planned
from pipelines.capacity.examples.documents import HOUR_SECONDS, Documents
from pipelines.capacity.examples.room import GB
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.ways import waves
from pipelines.capacity.schedule.workloads import Training, cross_validation, ensemble


@dataclass(frozen=True)
class Configuration:
    """Cards of one kind.

    Attributes:
        name: as the documents' groups call it, such as `t4x4`.
        stated_as: the card's name in these groups.
        count: of cards.
        beside: how many V100s the documents compare it with.
    """

    name: str
    stated_as: str
    count: int
    beside: int

    def card(self, documents: Documents) -> Card:
        """Its card."""
        return documents.catalogue.card(self.stated_as)

    def slots(self, documents: Documents) -> tuple[CardSlot, ...]:
        """Its cards, as a plan wants them."""
        card = self.card(documents)
        return tuple(CardSlot(f"{card.title} #{number}", card.key, card.memory_bytes) for number in self._numbers)

    @property
    def _numbers(self) -> range:
        return range(1, self.count + 1)


def trainings(documents: Documents, configuration: Configuration) -> tuple[Training, ...]:
    """The five members, each with the stated hours of one model and the stated memory of its own."""
    hours = documents.stated(f"one_model_hours.{configuration.stated_as}").low
    key = configuration.card(documents).key
    return tuple(
        Training(name, {key: hours * HOUR_SECONDS}, round(documents.stated(f"member_memory_gb.{name}").high * GB))
        for name in documents.items("member_memory_gb", without=("ensemble",))
    )


def cycle(documents: Documents, configuration: Configuration) -> Planned:
    """One training of each member, in waves as v100-options counts."""
    jobs = ensemble(trainings(documents, configuration))
    return _planned(documents, configuration, jobs, f"Five trainings on {_cards(documents, configuration)}")


def folds(documents: Documents, configuration: Configuration) -> Planned:
    """Every member trained once for each fold."""
    count = int(documents.stated("optimisation_count.folds").low)
    jobs = cross_validation(trainings(documents, configuration), count)
    return _planned(documents, configuration, jobs, f"{len(jobs)} trainings on {_cards(documents, configuration)}")


def hours(schedule: Schedule) -> float:
    """How long a plan takes."""
    return schedule.makespan_seconds / HOUR_SECONDS


def cycle_hours(documents: Documents, configuration: Configuration) -> float:
    """How long one training of each member takes."""
    return hours(cycle(documents, configuration).schedule)


def wave_count(schedule: Schedule) -> int:
    """How many waves it has."""
    return len({placement.begin_s for placement in schedule.placements})


def mixed_cycle_hours(documents: Documents, configuration: Configuration) -> Range:
    """The same by mixed precision, as far as the card gains from it."""
    gain = configuration.card(documents).mixed_precision_gain.range
    return Range.exactly(cycle_hours(documents, configuration)) / gain


def _planned(documents: Documents, configuration: Configuration, jobs: tuple[Job, ...], title: str) -> Planned:
    slots = configuration.slots(documents)
    return Planned(title, slots, waves(Problem(slots, jobs)))


def _cards(documents: Documents, configuration: Configuration) -> str:
    return f"{configuration.card(documents).title} x {configuration.count}"
