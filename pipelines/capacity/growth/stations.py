"""From one station to a thousand: where one card stops being enough, and how many are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.errors import InputError
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.growth.demand import Demand, Limits, stated_demands, stated_limits
from pipelines.capacity.growth.least_cards import Enough, enough_for, stations_on_one_card
from pipelines.capacity.growth.predicted import predicted_demand
from pipelines.capacity.plan.request import MEASURED_PASSES
from pipelines.capacity.ranges import Range

# Shown where nobody asks for others.
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class GrowthPoint:
    """What so many stations need.

    Attributes:
        stations: each with its own nightly retraining and its own batch to score.
        best: with all times at their low ends.
        worst: with all times at their high ends.
    """

    stations: int
    best: Enough
    worst: Enough


@dataclass(frozen=True)
class Growth:
    """How the need for cards grows, on one basis of times.

    Attributes:
        card: its title.
        demand: of one station.
        limits: of all.
        one_card: up to how many stations one card is enough.
        points: in order of stations.
    """

    card: str
    demand: Demand
    limits: Limits
    one_card: Range
    points: tuple[GrowthPoint, ...]

    @property
    def sentence(self) -> str:
        """Where one card stops being enough."""
        if self.one_card.high < 1:
            return f"One {self.card} is not enough for any station ({self.demand.title})."
        many = "station" if self.one_card.high == 1 else "stations"
        return f"One {self.card} is enough up to {self.one_card} {many} ({self.demand.title})."


def stations(
    counts: Sequence[int], card: str, catalogue: Catalogue, passes: Range = MEASURED_PASSES, most_cards: int = 64
) -> tuple[Growth, ...]:
    """What each number of stations needs of a kind of card, on the documents' times and on Sluice's own prediction.

    Args:
        counts: of stations.
        card: its name in the catalogue.
        catalogue: with the documents' times, window and period.
        passes: over the rows that a training takes; earlier runs say how many it needs.
        most_cards: that are considered.

    Raises:
        InputError: a count is below 1, or the card is unknown.
    """
    for count in counts:
        if count < 1:
            raise InputError("stations", f"{count} is no number of stations", "give 1 or more")
    if not passes.low > 0:
        raise InputError("passes", f"{passes} passes train nothing", "give a number above 0")
    if most_cards < 1:
        raise InputError("cards", f"{most_cards} is no number of cards", "give 1 or more")
    kind = catalogue.card(card)
    every = (*stated_demands(catalogue, kind), predicted_demand(catalogue, kind, passes))
    limits = stated_limits(catalogue, most_cards)
    return tuple(growth(kind.title, counts, demand, limits) for demand in every)


def growth(title: str, counts: Sequence[int], demand: Demand, limits: Limits) -> Growth:
    """The need for cards of one kind on one basis of times."""
    ordered = sorted(set(counts))
    worst = _never_falling([enough_for(count, demand.at(high=True), limits) for count in ordered])
    best = worst
    if not demand.is_exact:
        best = _never_falling([enough_for(count, demand.at(high=False), limits) for count in ordered])
    ends = {stations_on_one_card(demand.at(high), limits) for high in (True, False)}
    points = tuple(GrowthPoint(*each) for each in zip(ordered, best, worst, strict=True))
    return Growth(title, demand, limits, Range.of(ends), points)


def _never_falling(found: list[Enough]) -> list[Enough]:
    """A plan for more stations holds one for fewer, so what is enough for them is enough here, too."""
    least: list[Enough] = []
    for each in reversed(found):
        after = least[-1] if least else None
        fewer = after is not None and after.cards is not None and (each.cards is None or each.cards > after.cards)
        least.append(replace(each, cards=after.cards, night_seconds=after.night_seconds) if after and fewer else each)
    return least[::-1]
