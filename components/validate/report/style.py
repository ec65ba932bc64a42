"""How every plot of the report looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from numpy.typing import NDArray

from components.validate.report.wording import model_title

INK = "#22303c"
ENSEMBLE = "#0b63a5"
BAND = "rgba(11, 99, 165, 0.16)"
RAIN = "#5b8db8"
GRID = "#e4e8ec"
# Okabe & Ito (2008), "Color universal design", darkened where thin lines would be too light; blue is the ensemble's.
_MEMBERS = ("#d55e00", "#009e73", "#b8578f", "#c48a00", "#7a5195", "#4aa3c7", "#8c564b", "#5f6b2d")
_BASELINES = {"persistence": "#6c7a86", "seasonal_naive": "#a9b4bd"}
POINTS = 1500


def colour(name: str, members: tuple[str, ...]) -> str:
    """One colour for one model in all plots."""
    if name == "ensemble":
        return ENSEMBLE
    if name in _BASELINES:
        return _BASELINES[name]
    return _MEMBERS[members.index(name) % len(_MEMBERS)]


def line(name: str, members: tuple[str, ...]) -> dict[str, Any]:
    """Line of one model: the ensemble thick, baselines dashed."""
    if name == "ensemble":
        return {"color": colour(name, members), "width": 2.8}
    return {"color": colour(name, members), "width": 1.5, "dash": "dot" if name in _BASELINES else "solid"}


def model_line(name: str, x: Any, y: Any, members: tuple[str, ...]) -> Any:
    """A line with markers for one model, few points."""
    return go.Scatter(
        x=x, y=y, name=model_title(name), mode="lines+markers", line=line(name, members), marker={"size": 5}
    )


def finish(figure: Any, title: str, height: int = 360) -> str:
    """Sets the common style and gives the plot as HTML without plotly's code."""
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xref": "paper", "y": 0.98, "yanchor": "top"},
        height=height,
        margin={"l": 64, "r": 16, "t": 44, "b": 56 if figure.layout.showlegend is False else 104},
        font={"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 12, "color": INK},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        hovermode="x unified",
        legend={"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0},
    )
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": "#b9c3cb", "showline": True, "ticks": "outside"}
    figure.update_xaxes(**axis, automargin=True)
    figure.update_yaxes(**axis, automargin=True)
    return str(
        pio.to_html(
            figure,
            include_plotlyjs=False,
            full_html=False,
            config={"displaylogo": False, "responsive": True, "displayModeBar": False},
        )
    )


def thinned(values: NDArray[np.floating[Any]], points: int = POINTS) -> NDArray[np.int64]:
    """Rows that keep the look of a long line: the lowest and the highest of each of `points / 2` bins.

    A bin without a value keeps its first row, so that a gap stays one.
    """
    rows = len(values)
    if rows <= points:
        return np.arange(rows)
    bins = points // 2
    width = -(-rows // bins)
    padded = np.full(bins * width, np.nan)
    padded[:rows] = values
    grouped = padded.reshape(bins, width)
    lowest = np.where(np.isnan(grouped), np.inf, grouped).argmin(axis=1)
    highest = np.where(np.isnan(grouped), -np.inf, grouped).argmax(axis=1)
    starts = np.arange(bins) * width
    kept = np.unique(np.concatenate([starts + lowest, starts + highest]))
    return kept[kept < rows].astype(np.int64)
