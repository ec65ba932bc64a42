"""What a station asks of the cards: five trainings a night, and a batch to score every ten minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.ranges import Range

_HOUR_SECONDS = 3_600
_NONE = Range.exactly(0)


@dataclass(frozen=True)
class Demand:
    """One station's demand, on one kind of card.

    Attributes:
        title: where its times come from, in a few words.
        training_seconds: by member, of one training.
        scoring_seconds: of one batch on the card; 0 where a CPU scores.
    """

    title: str
    training_seconds: Mapping[str, Range]
    scoring_seconds: Range = _NONE

    def at(self, high: bool) -> Demand:
        """The same with all times at one end of their ranges."""
        ends = {name: Range.exactly(each.high if high else each.low) for name, each in self.training_seconds.items()}
        scoring = Range.exactly(self.scoring_seconds.high if high else self.scoring_seconds.low)
        return Demand(self.title, ends, scoring)

    @property
    def is_exact(self) -> bool:
        """Whether all its times are one number."""
        return self.scoring_seconds.is_exact and all(each.is_exact for each in self.training_seconds.values())

    @property
    def night_seconds(self) -> Range:
        """All trainings of one station, one after the other."""
        return sum(self.training_seconds.values(), start=Range.exactly(0))


@dataclass(frozen=True)
class Limits:
    """What holds for every station.

    Attributes:
        window_seconds: in which a night's trainings must be done.
        period_seconds: from one batch to the next.
        most_cards: that are considered.
    """

    window_seconds: float
    period_seconds: float
    most_cards: int = 64


def stated_limits(catalogue: Catalogue, most_cards: int = 64) -> Limits:
    """The dawn window and the period that core-v100 states."""
    window = catalogue.figure("retrain_window_hours.daily").range.low * _HOUR_SECONDS
    return Limits(window, catalogue.figure("serving_period_seconds.batch").range.low, most_cards)


def stated_demands(catalogue: Catalogue, card: Card) -> tuple[Demand, ...]:
    """What v100-options' hours of one model ask for, without and with mixed precision; nothing for other cards.

    A station's batch is scored at once and takes the stated seconds of an answer; one by one it could not be scored in
    time even for one station.
    """
    hours = _stated_hours(catalogue, card)
    if hours is None:
        return ()
    members = [name for name in catalogue.stated["member_memory_gb"] if name != "ensemble"]
    scoring = catalogue.figure("latency_seconds.gpu").range
    plain = Demand(f"stated: {hours} h a model", dict.fromkeys(members, hours * _HOUR_SECONDS), scoring)
    if not card.gains_from_mixed_precision:
        return (plain,)
    gain = card.mixed_precision_gain.range
    faster = dict.fromkeys(members, hours * _HOUR_SECONDS / gain)
    return plain, Demand(f"stated, {gain} times faster by mixed precision", faster, scoring)


def _stated_hours(catalogue: Catalogue, card: Card) -> Range | None:
    for name in catalogue.stated["one_model_hours"]:
        if catalogue.card(name).chip.name == card.chip.name:
            return catalogue.figure(f"one_model_hours.{name}").range
    return None
