"""Errors by horizon, coverage, weights over time, spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from components.validate import metrics
from components.validate.report.content import Content
from components.validate.report.style import BAND, ENSEMBLE, INK, colour, finish, model_line
from components.validate.report.wording import lead, local, model_title, number
from components.validate.scores import WEIGHT
from components.validate.stored import values

_BINS = 300


def errors_plot(content: Content) -> str:
    """RMSE of every model at each horizon."""
    figure = go.Figure()
    steps = content.aligned.horizons
    names = list(content.scores.models)
    for name in [*names[1:], "ensemble"]:
        by_horizon = content.scores.models[name]["by_horizon"]
        figure.add_trace(model_line(name, steps, [by_horizon[str(step)]["rmse"] for step in steps], content.members))
    _horizon_axis(figure, content)
    figure.update_yaxes(title=f"RMSE ({content.unit})", rangemode="tozero")
    return finish(figure, "Error by horizon", 420)


def _horizon_axis(figure: Any, content: Content, **where: int) -> None:
    steps = content.shown_horizons(8)
    ticks = [lead(step, content.dataset) for step in steps]
    figure.update_xaxes(title="Time ahead", tickvals=list(steps), ticktext=ticks, **where)


def coverage_plot(content: Content) -> str:
    """Share of actuals inside the band at each horizon, and the band's mean width."""
    aligned = content.aligned
    actual, lower, upper = (aligned.matrix(name) for name in ("actual", "lower", "upper"))
    columns = range(len(aligned.horizons))
    inside = [metrics.coverage(actual[:, at], lower[:, at], upper[:, at]) for at in columns]
    width = [metrics.band_width(lower[:, at], upper[:, at]) for at in columns]
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.12)
    _fixed_widths(figure, content)
    blue = {"color": ENSEMBLE, "width": 2}
    figure.add_trace(
        go.Scatter(x=aligned.horizons, y=inside, name="coverage", mode="lines+markers", line=blue), row=1, col=1
    )
    figure.add_trace(
        go.Scatter(
            x=aligned.horizons,
            y=width,
            name="mean width",
            mode="lines+markers",
            line=blue,
            fill="tozeroy",
            fillcolor=BAND,
        ),
        row=1,
        col=2,
    )
    nominal, tolerance = content.scores.coverage_nominal, content.dataset.gate.coverage_tolerance
    figure.add_hrect(
        nominal - tolerance, nominal + tolerance, fillcolor="#eef2f5", line_width=0, layer="below", row=1, col=1
    )
    figure.add_hline(nominal, line={"color": INK, "width": 1, "dash": "dash"}, row=1, col=1)
    for column in (1, 2):
        _horizon_axis(figure, content, row=1, col=column)
    static = content.scores.bands.get("static")
    fixed = [score["coverage"] for score in static["by_horizon"].values()] if static else []
    low = min([*inside, *fixed, nominal - tolerance])
    figure.update_yaxes(title="Share inside the band", tickformat=".0%", range=[max(0, low - 0.05), 1.02], row=1, col=1)
    figure.update_yaxes(title=f"Mean width ({content.unit})", rangemode="tozero", row=1, col=2)
    figure.update_layout(showlegend=False)
    return finish(figure, f"Coverage of the {nominal:.0%} band and its width", 330)


def _fixed_widths(figure: Any, content: Content) -> None:
    """Adds what fixed widths would have covered, and how wide they would have been."""
    static = content.scores.bands.get("static")
    if static is None:
        return
    scores = list(static["by_horizon"].values())
    thin = {"color": INK, "width": 1, "dash": "dot"}
    for column, y in enumerate(([score["coverage"] for score in scores], [score["width"] for score in scores]), 1):
        trace = go.Scatter(x=content.aligned.horizons, y=y, name="fixed widths", mode="lines+markers", line=thin)
        figure.add_trace(trace, row=1, col=column)


def interval_scores(content: Content) -> str:
    """One sentence on the whole band."""
    table = content.aligned.table
    actual, lower, upper = (values(table, name) for name in ("actual", "lower", "upper"))
    nominal = content.scores.coverage_nominal
    score = metrics.interval_score(actual, lower, upper, nominal)
    width = metrics.band_width(lower, upper)
    return (
        f"{content.scores.coverage:.1%} of the actuals lie in the {nominal:.0%} band; its mean width is "
        f"{number(width)} {content.unit}, its interval score (Winkler) {number(score)} {content.unit}."
    )


def weights_plot(content: Content) -> str | None:
    """Each member's weight over the test part, mean over horizons and series; None where the table has no weights."""
    names = [name for name in content.members if f"{WEIGHT}{name}" in content.aligned.table.columns]
    if not names:
        return None
    stamps = content.series.stamps[content.aligned.origins]
    order = np.argsort(stamps, kind="stable")
    bins = np.array_split(order, min(_BINS, len(order)))
    times = local(np.array([stamps[rows[0]] for rows in bins]), content.dataset)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05)
    for name in names:
        y = _binned(content.aligned.matrix(f"{WEIGHT}{name}"), bins)
        thin = {"width": 0.5, "color": colour(name, content.members)}
        figure.add_trace(
            go.Scatter(x=times, y=np.float32(y), name=model_title(name), mode="lines", line=thin, stackgroup="all"),
            row=1,
            col=1,
        )
    target = _binned(content.aligned.matrix("actual"), bins)
    black = {"color": INK, "width": 1}
    figure.add_trace(
        go.Scatter(x=times, y=np.float32(target), name="actual", mode="lines", line=black, showlegend=False),
        row=2,
        col=1,
    )
    figure.update_yaxes(title="Weight", range=[0, 1.001], row=1, col=1)
    figure.update_yaxes(title=content.unit, row=2, col=1)
    figure.update_xaxes(title=f"Time ({content.dataset.timezone})", row=2, col=1)
    return finish(figure, "Weights over the test part, mean over horizons", 440)


def _binned(matrix: NDArray[np.float64], bins: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    means = np.nanmean(matrix, axis=1)
    return np.array([means[rows].mean() for rows in bins])


def precision_recall_plot(content: Content, detection: metrics.Detection) -> str:
    """Precision against recall of the spike probability, with the gate's operating point."""
    figure = go.Figure()
    kept = np.unique(np.linspace(0, len(detection.recall) - 1, 600).astype(int))
    figure.add_trace(
        go.Scatter(
            x=np.float32(detection.recall[kept]),
            y=np.float32(detection.precision[kept]),
            name=f"spike probability, average precision {metrics.average_precision(detection):.3f}",
            mode="lines",
            line={"color": ENSEMBLE, "width": 2},
        )
    )
    rate = content.dataset.gate.false_alarm_rate
    point = metrics.operating_point(detection, rate)
    if point is not None:
        figure.add_trace(
            go.Scatter(
                x=[float(detection.recall[point])],
                y=[float(detection.precision[point])],
                name=f"at {rate:.0%} false alarms",
                mode="markers",
                marker={"color": "#d55e00", "size": 11, "line": {"color": "#ffffff", "width": 1.5}},
            )
        )
    figure.add_hline(
        detection.events / detection.cases,
        line={"color": INK, "width": 1, "dash": "dash"},
        annotation={"text": "without skill", "font": {"size": 11}},
    )
    figure.update_xaxes(title="Recall (spikes caught)", range=[0, 1.02])
    figure.update_yaxes(title="Precision (calls that were spikes)", range=[0, 1.04])
    return finish(figure, "Precision and recall of spikes", 400)
