"""Learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from components.validate.report.content import Content
from components.validate.report.style import finish, line
from components.validate.report.wording import model_title


def learning_curves(content: Content) -> str | None:
    """Validation loss over seconds of training, a line per member; None where no member learns in steps."""
    figure = go.Figure()
    for detail in content.card.get("members_detail", []):
        points = _curve(detail.get("history") or [])
        if not points:
            continue
        name = str(detail["name"])
        figure.add_trace(
            go.Scatter(
                x=[at for at, _ in points],
                y=[loss for _, loss in points],
                name=f"{model_title(name)} ({detail.get('mode', '')})",
                mode="lines+markers",
                line=line(name, content.members) if name in content.members else {},
                marker={"size": 4},
            )
        )
    if not figure.data:
        return None
    figure.update_xaxes(title="Training time (s)")
    figure.update_yaxes(title="Validation loss", **_loss_axis([value for trace in figure.data for value in trace.y]))
    figure.update_layout(showlegend=True)
    return finish(figure, "Validation loss while training", 380)


def _curve(history: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    points = [(record.get("seconds"), record.get("validation_loss")) for record in history]
    return [(float(at), float(loss)) for at, loss in points if at is not None and loss is not None and loss > 0]


def _loss_axis(losses: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis where losses differ widely, with labels at 1, 2 and 5 of each power of ten."""
    lowest, highest = min(losses), max(losses)
    if highest < 5 * lowest:
        return {}
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
