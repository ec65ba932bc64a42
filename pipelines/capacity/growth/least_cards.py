"""How few cards are enough for so many stations."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapreplace

from pipelines.capacity.growth.demand import Demand, Limits
from pipelines.capacity.schedule.fit import whole_seconds


@dataclass(frozen=True)
class Enough:
    """Cards that are enough.

    Attributes:
        cards: the fewest for which a plan was found; None where the most aren't enough.
        at_least: with fewer there is more work than time, whatever the plan.
        night_seconds: until the last training has ended; None where the most aren't enough.
    """

    cards: int | None
    at_least: int
    night_seconds: int | None

    @property
    def proven(self) -> bool:
        """Whether no fewer cards would do."""
        return self.cards == self.at_least


def enough_for(stations: int, demand: Demand, limits: Limits) -> Enough:
    """The fewest cards on which all stations' trainings end within the window, by the high end of all times.

    Trainings are planned longest first (Graham, 1969). Scoring takes its share of every card's time, alike on all.
    """
    at_least = _cards_for_work(stations, demand, limits)
    if at_least > limits.most_cards or not _holds(stations, limits.most_cards, demand, limits):
        return Enough(None, at_least, None)
    candidates = range(at_least, limits.most_cards + 1)
    cards = candidates[bisect_left(candidates, True, key=lambda each: _holds(stations, each, demand, limits))]
    return Enough(cards, at_least, night_seconds(stations, cards, demand, limits))


def stations_on_one_card(demand: Demand, limits: Limits) -> int:
    """For how many stations one card is enough."""
    each = demand.night_seconds.high + _scoring_share(1, 1, demand, limits) * limits.window_seconds
    # One more than the quotient says, which may be rounded down below a whole number: `_holds` decides.
    most = math.floor(limits.window_seconds / each) + 1 if each > 0 else 0
    return last_that(lambda stations: _holds(stations, 1, demand, limits), most)


def last_that(holds: Callable[[int], bool], most: int) -> int:
    """The greatest number up to `most` that something holds for, which holds for 0 and for all below it."""
    return bisect_left(range(1, most + 1), True, key=lambda each: not holds(each))


def night_seconds(stations: int, cards: int, demand: Demand, limits: Limits) -> int | None:
    """When the last training has ended, from the window's begin on; None where scoring alone takes all the time.

    The same plan as the schedule's longest first, which for alike cards and free jobs is this short.
    """
    share = _scoring_share(stations, cards, demand, limits)
    if share >= 1:
        return None
    longest = sorted(
        (whole_seconds(each.high / (1 - share)) for each in demand.training_seconds.values()), reverse=True
    )
    ends = [0] * cards
    for seconds in longest:
        for _ in range(stations):
            heapreplace(ends, ends[0] + seconds)
    return max(ends)


def _holds(stations: int, cards: int, demand: Demand, limits: Limits) -> bool:
    if _cards_for_work(stations, demand, limits) > cards:
        return False
    night = night_seconds(stations, cards, demand, limits)
    return night is not None and night <= limits.window_seconds


def _scoring_share(stations: int, cards: int, demand: Demand, limits: Limits) -> float:
    return stations * demand.scoring_seconds.high / (limits.period_seconds * cards)


def _cards_for_work(stations: int, demand: Demand, limits: Limits) -> int:
    """Cards whose time together is no less than all work."""
    training = stations * demand.night_seconds.high / limits.window_seconds
    # Less what sums of rounded figures may be off by, so that the bound stays one.
    return max(1, math.ceil((training + _scoring_share(stations, 1, demand, limits)) * (1 - 1e-12)))
