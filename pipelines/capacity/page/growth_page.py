"""The page of many stations: cards over stations as a plot and a table, and the answer in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from components.validate.report.blocks import Cell, Plots, Section, Table
from components.validate.report.style import INK, colour
from pipelines.atomic import write_atomically
from pipelines.capacity.growth.least_cards import Enough
from pipelines.capacity.growth.screen import cards_text
from pipelines.capacity.growth.stations import Growth
from pipelines.capacity.page.layout import Page, render
from pipelines.capacity.page.plot import plot_html


def write_growth_page(found: Sequence[Growth], path: Path) -> None:
    """Writes what so many stations need as one HTML file that works offline."""
    write_atomically(path, render(growth_page(found)))


def growth_page(found: Sequence[Growth]) -> Page:
    """What the page of many stations shows."""
    return Page(
        title=f"{found[0].card}: how many cards for how many stations",
        sections=[growth_section(found)],
        summary=[each.sentence for each in found],
    )


def growth_section(found: Sequence[Growth]) -> Section:
    """The plot and the table of one kind of card."""
    first = found[0]
    hours = first.limits.window_seconds / 3600
    members = len(first.demand.training_seconds)
    intro = (
        f"Each station trains its own {members} members again every night, within {hours:g} hours, and has a batch "
        f"scored every {first.limits.period_seconds / 60:g} minutes. Memory is not counted: one training runs on a "
        "card at a time."
    )
    return Section("stations", "Stations and cards", intro, [Plots([_plot(found)]), _table(found)])


def _plot(found: Sequence[Growth]) -> str:
    figure = go.Figure()
    titles = tuple(each.demand.title for each in found)
    for each in found:
        shade = colour(each.demand.title, titles)
        _add_line(figure, each, shade, worst=True)
        if not each.demand.is_exact:
            _add_line(figure, each, shade, worst=False)
    most = max(each.limits.most_cards for each in found)
    figure.add_hline(1, line={"color": INK, "width": 1, "dash": "dash"})
    figure.update_xaxes(type="log", title="Stations", tickvals=[point.stations for point in found[0].points])
    marks = [mark for mark in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512) if mark <= most]
    figure.update_yaxes(type="log", title="Cards that are enough", tickvals=marks)
    return plot_html(figure, f"Least {found[0].card} cards that are enough", 460)


def _add_line(figure: go.Figure, growth: Growth, shade: str, worst: bool) -> None:
    kept = [(point.stations, _case(point.worst if worst else point.best)) for point in growth.points]
    end = "" if growth.demand.is_exact else (", worst case" if worst else ", best case")
    figure.add_trace(
        go.Scatter(
            x=[stations for stations, cards in kept if cards],
            y=[cards for _, cards in kept if cards],
            name=f"{growth.demand.title}{end}",
            mode="lines+markers",
            line={"color": shade, "width": 2, "dash": "solid" if worst else "dot"},
            hovertemplate="%{x:,} stations: %{y} cards<extra></extra>",
        )
    )


def _case(enough: Enough) -> int | None:
    return enough.cards


def _table(found: Sequence[Growth]) -> Table:
    rows = []
    for place, point in enumerate(found[0].points):
        cells = [Cell(cards_text(each.points[place], each.limits.most_cards)) for each in found]
        rows.append([Cell(f"{point.stations:,}", "strong"), *cells])
    return Table(("Stations", *(each.demand.title for each in found)), rows, "Cards, from the best case to the worst.")
