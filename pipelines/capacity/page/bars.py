"""Memory of each card by term with the card's limit, and time and cost of alternatives side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from components.validate.report.style import ENSEMBLE, INK
from components.validate.report.wording import number
from pipelines.capacity.page.plot import distinct_colour, plot_html
from pipelines.capacity.ranges import Range

_GIB = 2**30
_OVER = "#b3261e"


@dataclass(frozen=True)
class MemoryBar:
    """What is held of one card.

    Attributes:
        title: of the bar: the card, or the card and what runs on it.
        terms: name and bytes of each part, in the order in which they are laid end to end.
        limit_bytes: memory of the card.
    """

    title: str
    terms: Sequence[tuple[str, float]]
    limit_bytes: float

    @property
    def used_bytes(self) -> float:
        """All terms."""
        return sum(bytes_ for _, bytes_ in self.terms)


@dataclass(frozen=True)
class AlternativeBar:
    """One way to do the work.

    Attributes:
        title: of it.
        hours: until all is done; None where it can't be.
        usd: that it costs; None where no price is known.
        chosen: whether it is the answer's own.
    """

    title: str
    hours: Range | None
    usd: Range | None
    chosen: bool = False


def memory_plot(title: str, bars: Sequence[MemoryBar]) -> str:
    """The plot as HTML: terms end to end, a line where the card ends, the sum in red where it is beyond."""
    figure = go.Figure()
    lines = _unlike([escape(bar.title) for bar in bars])
    _add_terms(figure, bars, lines)
    _add_limits(figure, bars, lines)
    # Room for the figures to the right of the longest bar.
    most = max(max(bar.used_bytes, bar.limit_bytes) for bar in bars) / _GIB
    figure.update_layout(barmode="stack", bargap=0.45, showlegend=True)
    figure.update_xaxes(title="GiB", range=[0, most * 1.22])
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=lines[::-1])
    return plot_html(figure, title, 160 + 44 * len(bars))


def _add_terms(figure: Any, bars: Sequence[MemoryBar], lines: Sequence[str]) -> None:
    names = tuple(dict.fromkeys(name for bar in bars for name, _ in bar.terms))
    for name in names:
        sizes = [sum(size for term, size in bar.terms if term == name) for bar in bars]
        figure.add_trace(
            go.Bar(
                name=escape(name),
                orientation="h",
                y=list(lines),
                x=[size / _GIB for size in sizes],
                marker={"color": distinct_colour(name, names)},
                customdata=list(map(_size, sizes)),
                hovertemplate=f"{escape(name)}: %{{customdata}}<extra></extra>",
            )
        )


def alternatives_plot(title: str, bars: Sequence[AlternativeBar]) -> str:
    """The plot as HTML: hours, and costs where any are known, a whisker from the least to the most."""
    lines = _unlike([escape(bar.title) for bar in bars])
    chosen = [bar.chosen for bar in bars]
    sides = [("Hours", "h", [bar.hours for bar in bars])]
    if any(bar.usd is not None for bar in bars):
        sides.append(("Cost", "USD", [bar.usd for bar in bars]))
    figure = make_subplots(rows=1, cols=len(sides), shared_yaxes=True, horizontal_spacing=0.05)
    for column, (name, unit, values) in enumerate(sides, start=1):
        figure.add_trace(_whiskered(values, lines, chosen), row=1, col=column)
        _tell(figure, unit, values, lines, column)
        # Room for the figures to the right of the longest bar.
        most = max((each.high for each in values if each is not None), default=0) or 1.0
        figure.update_xaxes(
            title=name if name == "Hours" else f"{name} ({unit})", range=[0, most * 1.4], row=1, col=column
        )
    figure.update_layout(showlegend=False, bargap=0.45)
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=lines[::-1])
    return plot_html(figure, title, 140 + 36 * len(bars))


def _whiskered(values: Sequence[Range | None], lines: Sequence[str], chosen: Sequence[bool]) -> Any:
    half = [0.0 if each is None else each.high - each.middle for each in values]
    return go.Bar(
        orientation="h",
        y=list(lines),
        x=[0.0 if each is None else each.middle for each in values],
        error_x={"type": "data", "array": half, "color": INK, "thickness": 1.2, "width": 4},
        marker={"color": [ENSEMBLE if own else "#a9b4bd" for own in chosen]},
        hoverinfo="skip",
    )


def _tell(figure: Any, unit: str, values: Sequence[Range | None], lines: Sequence[str], column: int) -> None:
    for value, line in zip(values, lines, strict=True):
        figure.add_annotation(
            x=0 if value is None else value.high,
            y=line,
            text="not known" if value is None else f"{_short(value)} {unit}",
            showarrow=False,
            xanchor="left",
            xshift=6,
            font={"size": 11},
            row=1,
            col=column,
        )


def _add_limits(figure: go.Figure, bars: Sequence[MemoryBar], lines: Sequence[str]) -> None:
    figure.add_trace(
        go.Scatter(
            name="memory of the card",
            mode="markers",
            x=[bar.limit_bytes / _GIB for bar in bars],
            y=list(lines),
            marker={"symbol": "line-ns", "size": 30, "line": {"color": INK, "width": 2.5}},
            customdata=[_size(bar.limit_bytes) for bar in bars],
            hovertemplate="the card has %{customdata}<extra></extra>",
        )
    )
    for bar, line in zip(bars, lines, strict=True):
        figure.add_annotation(
            x=max(bar.used_bytes, bar.limit_bytes) / _GIB,
            y=line,
            text=f"{_size(bar.used_bytes)} of {_size(bar.limit_bytes)}",
            showarrow=False,
            xanchor="left",
            xshift=8,
            font={"color": _OVER if bar.used_bytes > bar.limit_bytes else INK, "size": 11},
        )


def _short(value: Range) -> str:
    return " to ".join(dict.fromkeys(number(each) for each in (value.low, value.high)))


def _unlike(titles: list[str]) -> list[str]:
    """Titles that are all different, since one line of a plot stands for each."""
    seen: dict[str, int] = {}
    unlike = []
    for title in titles:
        seen[title] = seen.get(title, 0) + 1
        unlike.append(title if seen[title] == 1 else f"{title} ({seen[title]})")
    return unlike


def _size(count: float) -> str:
    if count >= 0.1 * _GIB:
        return f"{count / _GIB:.1f} GiB"
    return f"{count / 2**20:,.1f} MiB"
