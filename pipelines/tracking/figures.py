"""Figures of JSON files as points of metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.tracking.record import Point

# What MLflow allows in the name of a metric.
_NOT_ALLOWED = re.compile(r"[^\w\-./ ]+")


def figures_of(prefix: str, value: Any, at: float) -> Iterator[Point]:
    """A point per number: of the value itself, or of each entry of a mapping, however deep; other things are none."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from figures_of(f"{prefix}/{_horizon(prefix, key)}", entry, at)
    elif isinstance(value, int | float):
        yield Point(_NOT_ALLOWED.sub("_", prefix)[:250], float(value), 0, at)


def scores_of(prefix: str, scores: Mapping[str, Any], at: float) -> Iterator[Point]:
    """MAE and RMSE, over all horizons and by horizon: `test/rmse`, `test/rmse_h6`."""
    for name in ("rmse", "mae"):
        yield from figures_of(f"{prefix}/{name}", scores.get(name), at)
    for horizon, own in scores.get("by_horizon", {}).items():
        for name, value in own.items():
            yield from figures_of(f"{prefix}/{name}_h{horizon}", value, at)


def _horizon(prefix: str, key: str) -> str:
    return f"h{key}" if prefix.endswith("_by_horizon") else str(key)
