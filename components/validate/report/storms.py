"""The largest events of the test part: forecasts with their bands beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from components.preprocess.series import Span
from components.preprocess.target import target_between
from components.validate.aligned import Aligned
from components.validate.events import Event, largest_events, peak_error
from components.validate.report.blocks import Cell, Table
from components.validate.report.content import Content
from components.validate.report.style import BAND, ENSEMBLE, INK, RAIN, colour, finish, thinned
from components.validate.report.wording import lead, local, model_title, number, stamp
from components.validate.scores import MEMBER

Floats = NDArray[np.float64]
MOST_EVENTS = 4
_MOST_HORIZONS = 3
# Rises below this share of the largest are the daily round, and no events.
_SMALLEST = 0.1


@dataclass(frozen=True)
class Storm:
    """An event in rows of the series, with the series that it belongs to."""

    span: Span
    event: Event

    @property
    def rows(self) -> slice:
        """Rows of the series."""
        return slice(self.event.start, self.event.end)


def storms(content: Content) -> list[Storm]:
    """Events of the test part; of a panel, those whose rise is largest in standard deviations of their series."""
    reach = 2 * max(content.dataset.window, content.dataset.horizons[-1])
    found: list[tuple[float, Storm]] = []
    for span in content.series.spans:
        target = target_between(content.series, span.test, span.end).astype(np.float64)
        spread = float(np.nanstd(target)) if np.isfinite(target).any() else 0.0
        for event in largest_events(target, reach, MOST_EVENTS):
            moved = Event(event.start + span.test, event.peak + span.test, event.end + span.test, event.rise)
            found.append((event.rise / spread if spread else 0.0, Storm(span, moved)))
    found.sort(key=lambda item: -item[0])
    large = [storm for size, storm in found[:MOST_EVENTS] if size >= _SMALLEST * found[0][0]]
    return sorted(large, key=lambda storm: storm.event.peak)


def driver_of(content: Content) -> int | None:
    """Position of the column drawn from above: what falls, so summed when resampled, or measured in millimetres."""
    for name, column in content.dataset.columns.items():
        if name != content.dataset.target and (column.resample == "sum" or column.unit.startswith("mm")):
            return content.series.inputs.index(name)
    return None


Lines = dict[tuple[str, int], Floats]


def by_valid_row(content: Content, found: list[Storm], names: Sequence[str], steps: tuple[int, ...]) -> list[Lines]:
    """Of each event, by column and horizon: the forecast made so many steps before each row; NaN where there is none.

    Of the events' rows alone: lines as long as the series outweigh the forecasts.
    """
    lines: list[Lines] = [{} for _ in found]
    for name in names:
        matrix = content.aligned.matrix(name)
        for own, storm in zip(lines, found, strict=True):
            for step in steps:
                own[name, step] = _laid(content.aligned, matrix, storm.rows, step)
    return lines


def _laid(aligned: Aligned, matrix: Floats, rows: slice, step: int) -> Floats:
    laid = np.full(rows.stop - rows.start, np.nan)
    chosen = slice(*np.searchsorted(aligned.origins, (rows.start - step, rows.stop - step)))
    laid[aligned.origins[chosen] + step - rows.start] = matrix[chosen, aligned.horizons.index(step)]
    return laid


def storm_plots(content: Content, found: list[Storm]) -> list[str]:
    """A plot per event; buttons choose the horizon, the longest is shown first."""
    steps = content.shown_horizons(_MOST_HORIZONS)
    names = ("lower", "upper", "forecast", *(f"{MEMBER}{name}" for name in content.members))
    lines = by_valid_row(content, found, names, steps)
    return [_plot(content, storm, own, steps) for storm, own in zip(found, lines, strict=True)]


def _plot(content: Content, storm: Storm, lines: Lines, steps: tuple[int, ...]) -> str:
    driver = driver_of(content)
    figure = _axes(content, driver)
    row = 2 if driver is not None else 1
    actual = np.where(
        content.series.observed[storm.rows], content.series.values[storm.rows, content.series.target], np.nan
    )
    kept = thinned(actual)
    times = local(content.series.stamps[storm.rows][kept], content.dataset)
    if driver is not None:
        falls = np.asarray(content.series.values[storm.rows, driver])[kept]
        top = float(np.nanmax(falls, initial=0.0)) or 1.0
        figure.update_yaxes(range=[1.05 * top, 0], row=1, col=1)
        name = content.series.inputs[driver]
        figure.add_trace(
            go.Bar(x=times, y=falls, name=name, marker={"color": RAIN, "line": {"width": 0}}), row=1, col=1
        )
    fixed = len(figure.data)
    for step in steps:
        own = {name: values[kept] for (name, at), values in lines.items() if at == step}
        for trace in _forecast_traces(content, times, own, step == steps[-1]):
            figure.add_trace(trace, row=row, col=1)
    black = {"color": INK, "width": 2}
    figure.add_trace(
        go.Scatter(x=times, y=np.float32(actual[kept]), name="actual", mode="lines", line=black), row=row, col=1
    )
    figure.update_layout(updatemenus=[_buttons(content, steps, fixed, len(figure.data))], bargap=0)
    figure.update_xaxes(title=f"Time ({content.dataset.timezone})", row=row, col=1)
    return finish(figure, _title(content, storm), 460)


def _axes(content: Content, driver: int | None) -> Any:
    target = content.target_title
    if driver is None:
        figure = make_subplots(rows=1, cols=1)
        return figure.update_yaxes(title=target, row=1, col=1)
    name = content.series.inputs[driver]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.24, 0.76], vertical_spacing=0.04)
    figure.update_yaxes(title=f"{name} ({content.dataset.columns[name].unit})", row=1, col=1)
    return figure.update_yaxes(title=target, row=2, col=1)


def _forecast_traces(content: Content, times: Any, own: dict[str, Floats], shown: bool) -> list[Any]:
    flat = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "visible": shown}
    around, edge = band_outline(times, own["lower"], own["upper"])
    traces = [
        go.Scatter(x=around, y=edge, name=f"{content.dataset.band:.0%} band", fill="toself", fillcolor=BAND, **flat)
    ]
    for name in content.members:
        thin = {"color": colour(name, content.members), "width": 1}
        y = np.float32(own[f"{MEMBER}{name}"])
        visible = "legendonly" if shown else False
        traces.append(go.Scatter(x=times, y=y, name=model_title(name), mode="lines", line=thin, visible=visible))
    thick = {"color": ENSEMBLE, "width": 2}
    traces.append(
        go.Scatter(x=times, y=np.float32(own["forecast"]), name="forecast", mode="lines", line=thick, visible=shown)
    )
    return traces


def band_outline(times: Any, lower: Floats, upper: Floats) -> tuple[list[Any], list[float | None]]:
    """The outline of a band as closed polygons, one for each stretch without a gap, None between them."""
    known = np.isfinite(lower) & np.isfinite(upper)
    borders = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    x: list[Any] = []
    y: list[float | None] = []
    for first, end in borders.reshape(-1, 2).tolist():
        moments = list(times[first:end])
        x += [*moments, *moments[::-1], None]
        outline = np.concatenate([upper[first:end], lower[first:end][::-1]]).astype(np.float32)
        y += [*outline.tolist(), None]
    return x, y


def _buttons(content: Content, steps: tuple[int, ...], fixed: int, total: int) -> dict[str, Any]:
    each = len(content.members) + 2
    buttons = []
    for position, step in enumerate(steps):
        visible: list[bool | str] = [True] * total
        for index in range(fixed, total - 1):
            block, inside = divmod(index - fixed, each)
            member = 1 <= inside < each - 1
            visible[index] = ("legendonly" if member else True) if block == position else False
        buttons.append({"label": lead(step, content.dataset), "method": "restyle", "args": [{"visible": visible}]})
    return {
        "type": "buttons",
        "direction": "right",
        "active": len(steps) - 1,
        "buttons": buttons,
        "x": 1,
        "xanchor": "right",
        "y": 1.02,
        "yanchor": "bottom",
        "pad": {"t": 0, "b": 2},
        "font": {"size": 11},
        "bgcolor": "#f4f6f8",
        "bordercolor": "#c6cfd6",
    }


def _title(content: Content, storm: Storm) -> str:
    peak = stamp(content.series.stamps[storm.event.peak], content.dataset)
    return f"{storm.span.name}, peak {peak}" if content.dataset.is_panel else f"Peak {peak}"


def peaks_table(content: Content, found: list[Storm]) -> Table:
    """Each event's peak, and by how much and how many steps the forecast peak missed it."""
    steps = content.shown_horizons(_MOST_HORIZONS)
    lines = by_valid_row(content, found, ["forecast"], steps)
    head = ["Event", f"Rise ({content.unit})", f"Peak ({content.unit})"]
    for step in steps:
        head += [f"Error {lead(step, content.dataset)} ahead", "Delay (steps)"]
    rows = [
        [*_event_cells(content, storm), *_error_cells(content, storm, own)]
        for storm, own in zip(found, lines, strict=True)
    ]
    return Table(head, rows, f"Error: forecast peak less actual peak ({content.unit}). A positive delay is late.")


def _event_cells(content: Content, storm: Storm) -> list[Cell]:
    peak = float(content.series.values[storm.event.peak, content.series.target])
    return [Cell(_title(content, storm), "text"), Cell(number(storm.event.rise)), Cell(number(peak, 4))]


def _error_cells(content: Content, storm: Storm, lines: Lines) -> list[Cell]:
    actual = np.asarray(content.series.values[storm.rows, content.series.target], np.float64)
    cells = []
    for forecast in lines.values():
        # Where only a part of an event was forecast, its peak may lie in the other part.
        error = peak_error(np.where(np.isfinite(forecast), actual, np.nan), forecast)
        cells += [
            Cell(f"{error.height:+.3g}" if error else "–"),
            Cell(f"{error.delay:+d}" if error else "–"),
        ]
    return cells
