"""The target over all parts, with the gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from components.preprocess.gaps import gaps_of
from components.preprocess.series import Span
from components.preprocess.shortage import PARTS
from components.preprocess.target import target_between
from components.preprocess.windows import origins, spike_labels
from components.validate.report.blocks import Cell, Table
from components.validate.report.content import Content
from components.validate.report.style import INK, finish, thinned
from components.validate.report.wording import count, local, share, stamp

_PART_COLOURS = {"train": INK, "validation": "#c48a00", "test": "#0b63a5"}


def readings_plot(content: Content) -> str:
    """The target of the longest series, coloured by part."""
    series, dataset = content.series, content.dataset
    span = max(series.spans, key=lambda item: item.end - item.start)
    figure = go.Figure()
    for part in PARTS:
        first, last = span.part(part)
        target = target_between(series, first, last).astype(np.float64)
        kept = thinned(target)
        figure.add_trace(
            go.Scatter(
                x=local(series.stamps[first:last][kept], dataset),
                y=np.float32(target[kept]),
                name=part,
                mode="lines",
                line={"color": _PART_COLOURS[part], "width": 1},
            )
        )
    figure.update_xaxes(title=f"Time ({dataset.timezone})")
    figure.update_yaxes(title=f"{dataset.target} ({content.unit})")
    return finish(figure, _title(content, span), 300)


def _title(content: Content, span: Span) -> str:
    of_many = f", {span.name} (the longest of {len(content.series.spans)} series)" if content.dataset.is_panel else ""
    return f"Readings of {content.dataset.target}{of_many}"


def parts_table(content: Content) -> Table:
    """Each part: when, how many rows, windows, gaps and spikes."""
    head = ("Part", "From", "To", "Rows", "Target observed", "Windows", "Gaps", "Longest gap (steps)", "Before a spike")
    return Table(head, [_part_row(content, part) for part in PARTS])


def _part_row(content: Content, part: Any) -> list[Cell]:
    series, dataset = content.series, content.dataset
    pieces = [slice(*span.part(part)) for span in series.spans if span.part(part)[1] > span.part(part)[0]]
    rows = sum(piece.stop - piece.start for piece in pieces)
    observed = sum(int(series.observed[piece].sum()) for piece in pieces)
    windows = origins(series, part, dataset.window, dataset.horizons)
    labels = spike_labels(series, windows)
    gaps = gaps_of(series, part)
    return [
        Cell(part, "text"),
        Cell(stamp(min(series.stamps[piece.start] for piece in pieces), dataset) if pieces else "–"),
        Cell(stamp(max(series.stamps[piece.stop - 1] for piece in pieces), dataset) if pieces else "–"),
        Cell(count(rows)),
        Cell(share(observed / rows if rows else None)),
        Cell(count(len(windows))),
        Cell(count(gaps.count)),
        Cell(count(gaps.longest.rows) if gaps.longest else "0"),
        Cell(share(float(np.nanmean(labels)) if np.isfinite(labels).any() else None)),
    ]
