"""A plan as bars over time: one line for each card."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

import plotly.graph_objects as go

from pipelines.capacity.page.plot import distinct_colour, plot_html
from pipelines.capacity.schedule.jobs import CardSlot, Service
from pipelines.capacity.schedule.plan import Placement, Schedule

_HOUR_SECONDS, _DAY_HOURS = 3_600, 24
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Hours between marks of a clock, the first that needs no more than this many marks.
_CLOCK_STEPS, _MOST_MARKS = (1, 2, 3, 6, 12, 24, 168), 13
_EDGED_PART = 0.01
_SERVICE = "#c3ccd3"
_HOVER = "%{customdata[0]}<br>%{customdata[1]} to %{customdata[2]}<br>takes %{customdata[3]}<extra></extra>"


def timeline(
    title: str, cards: Sequence[CardSlot], schedule: Schedule, services: Sequence[Service] = (), clock: bool = False
) -> str:
    """The plot as HTML; jobs of one kind have one colour, services lie under them as far as the plan goes.

    Args:
        title: of the plot.
        cards: in the order of their lines, the idle ones too.
        schedule: what runs where.
        services: that are always on.
        clock: whether hours are times of the week, from Monday's midnight on; else they count from the plan's begin.
    """
    figure = go.Figure()
    end_h = max(schedule.makespan_seconds / _HOUR_SECONDS, 0.01)
    _add_services(figure, services, end_h)
    by_kind: dict[str, list[Placement]] = defaultdict(list)
    for placement in schedule.placements:
        by_kind[kind_of(placement.job)].append(placement)
    kinds = tuple(by_kind)
    for kind in kinds:
        figure.add_trace(_bars(kind, by_kind[kind], distinct_colour(kind, kinds), end_h))
    lines = [escape(card.name) for card in cards]
    figure.update_layout(barmode="overlay", bargap=0.35, showlegend=True)
    _time_axis(figure, end_h, clock)
    figure.update_yaxes(
        categoryorder="array", categoryarray=lines[::-1], range=[-0.5, len(lines) - 0.5], type="category"
    )
    return plot_html(figure, title, 150 + 34 * len(cards))


def kind_of(job: str) -> str:
    """What a job is one of: `fold 3/stacked_lstm` and `experiment 7/stacked_lstm` are both `stacked_lstm`."""
    last = job.rsplit("/", 1)[-1].split("@", 1)[0]
    return re.sub(r"\s*\d+$", "", last) or last


def _bars(kind: str, placements: Iterable[Placement], fill: str, end_h: float) -> go.Bar:
    stretches = [(each, begin, end) for each in placements for begin, end in each.segments]
    # A white edge sets neighbours apart; of a thin bar it would leave nothing.
    edges = [1 if end - begin > _EDGED_PART * end_h * _HOUR_SECONDS else 0 for _, begin, end in stretches]
    return go.Bar(
        name=escape(kind.replace("_", " ")),
        orientation="h",
        y=[escape(each.card) for each, _, _ in stretches],
        base=[begin / _HOUR_SECONDS for _, begin, _ in stretches],
        x=[(end - begin) / _HOUR_SECONDS for _, begin, end in stretches],
        customdata=[
            [escape(each.job), _duration(begin), _duration(end), _duration(end - begin)]
            for each, begin, end in stretches
        ],
        hovertemplate=_HOVER,
        marker={"color": fill, "line": {"color": "#ffffff", "width": edges}},
    )


def _add_services(figure: go.Figure, services: Sequence[Service], end_h: float) -> None:
    if not services:
        return
    text = [
        f"{escape(each.name)}: {each.load_share:.1%} of the card, {each.memory_bytes / 2**30:.1f} GiB"
        for each in services
    ]
    figure.add_trace(
        go.Bar(
            name=" and ".join(dict.fromkeys(escape(each.name) for each in services)),
            orientation="h",
            y=[escape(each.card) for each in services],
            x=[end_h] * len(services),
            customdata=text,
            hovertemplate="%{customdata}, always on<extra></extra>",
            marker={"color": _SERVICE, "pattern": {"shape": "/", "size": 5}},
            width=0.9,
        )
    )


def _time_axis(figure: go.Figure, end_h: float, clock: bool) -> None:
    if not clock:
        figure.update_xaxes(title="Hours from the beginning", range=[0, end_h * 1.02])
        return
    step = next((each for each in _CLOCK_STEPS if end_h / each <= _MOST_MARKS), _CLOCK_STEPS[-1])
    marks = list(range(0, int(end_h) + step + 1, step))
    one_day = end_h <= _DAY_HOURS
    names = [f"{mark:02d}:00" if one_day else f"{_DAYS[mark // 24 % 7]} {mark % 24:02d}:00" for mark in marks]
    figure.update_xaxes(tickvals=marks, ticktext=names, range=[0, max(marks[-1] - step, end_h) * 1.02])


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, _HOUR_SECONDS)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else f"{left} s"
