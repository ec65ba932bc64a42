"""How the planner's plots look: as the reports', with room for long names of cards and a hover text for each bar."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.io as pio

from components.validate.report.style import GRID, INK, colour

_FONT = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"
_TOLD_APART = 8
_GREYS = ("#6c7a86", "#a9b4bd", "#3d4b57", "#cfd6db")
_CONFIG = {"displaylogo": False, "responsive": True, "displayModeBar": False}


def distinct_colour(name: str, names: tuple[str, ...]) -> str:
    """One colour for one name; greys behind the eight that can well be told apart."""
    behind = names.index(name) - _TOLD_APART
    return colour(name, names) if behind < 0 else _GREYS[behind % len(_GREYS)]


def plot_html(figure: Any, title: str, height: int) -> str:
    """Sets the common style and gives the plot as HTML without plotly's code; the title's markup is taken as text."""
    figure.update_layout(
        title={"text": escape(title), "font": {"size": 15}, "x": 0, "xref": "paper", "y": 0.98, "yanchor": "top"},
        height=height,
        margin={"l": 64, "r": 16, "t": 44, "b": 60 if figure.layout.showlegend is False else 96},
        font={"family": _FONT, "size": 12, "color": INK},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        hovermode="closest",
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0.01,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "normal",
        },
    )
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": "#b9c3cb", "showline": True, "ticks": "outside"}
    figure.update_xaxes(**axis, automargin=True)
    figure.update_yaxes(**axis, automargin=True)
    return str(pio.to_html(figure, include_plotlyjs=False, full_html=False, config=_CONFIG))
