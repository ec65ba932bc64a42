"""The growth of the need for cards as a table on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines.capacity.growth.least_cards import Enough
from pipelines.capacity.growth.stations import Growth, GrowthPoint

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH = 100


def cards_text(point: GrowthPoint, most: int) -> str:
    """Cards that are enough, from the best case to the worst."""
    ends = [_cards(point.best, most), _cards(point.worst, most)]
    return " to ".join(dict.fromkeys(ends))


def _cards(enough: Enough, most: int) -> str:
    return f"over {most}" if enough.cards is None else str(enough.cards)


def render_growth(found: Sequence[Growth]) -> RenderableType:
    """The table for rich: stations downwards, a column of cards for each basis of times; then the answers in words."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    first = found[0]
    table = Table(title=f"{first.card}: cards for so many stations", title_justify="left", box=None, pad_edge=False)
    table.width = _WIDTH
    table.add_column("Stations", justify="right", no_wrap=True)
    for each in found:
        table.add_column(Text(each.demand.title), justify="right")
    for place, point in enumerate(first.points):
        table.add_row(
            f"{point.stations:,}", *(cards_text(each.points[place], each.limits.most_cards) for each in found)
        )
    return Group(table, "", *(Text(each.sentence) for each in found))


def as_json(found: Sequence[Growth]) -> list[dict[str, Any]]:
    """The same for machines, with plain keys."""
    return [
        {
            "card": each.card,
            "basis": each.demand.title,
            "window_seconds": each.limits.window_seconds,
            "one_card_stations": {"low": each.one_card.low, "high": each.one_card.high},
            "points": [
                {"stations": point.stations, "best_cards": point.best.cards, "worst_cards": point.worst.cards}
                for point in each.points
            ],
        }
        for each in found
    ]
