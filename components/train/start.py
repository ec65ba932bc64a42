"""Where networks start from: the residuals of the linear model on training windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import PartName, Series
from components.preprocess.windows import origins
from components.train.network import Start
from components.train.ridge import Matrix, Ridge, changes, forecast_changes, importance, units_at
from components.train.task import Task

# Windows on which residuals are measured; quantiles at 5 % are then known to about 0.2 %.
SAMPLE = 20_000


def start_of(series: Series, task: Task, ridge: Ridge) -> Start:
    """The linear model with the spread of its residuals over training windows."""
    residuals, counts = relative_residuals(series, task, ridge, sample_rows(series, task, "train", SAMPLE))
    floor = 1e-3 * (1.0 if task.own_unit else np.asarray(task.change_scale))
    squares = np.where(np.isfinite(residuals), residuals, 0.0) ** 2 * counts
    scale = np.maximum(np.sqrt(squares.sum(axis=0) / (np.isfinite(residuals) * counts).sum(axis=0)), floor)
    lower, upper = np.nanquantile(residuals / scale, task.quantiles, axis=0)
    return Start(ridge, tuple(scale.tolist()), tuple(lower.tolist()), tuple(upper.tolist()))


def relative_residuals(series: Series, task: Task, ridge: Ridge, rows: NDArray[np.int64]) -> tuple[Matrix, Matrix]:
    """What a linear model misses at some origins, in each window's unit: [n, horizons]; what each counts: [n, 1]."""
    units, counts = units_at(series, task, rows)[:, None], importance(series, task, rows)[:, None]
    return (changes(series, task, rows) - forecast_changes(series, task, ridge, rows)) / units, counts


def sample_rows(series: Series, task: Task, part: PartName, most: int) -> NDArray[np.int64]:
    """At most `most` origins of a part, evenly spread."""
    rows = origins(series, part, task.window, task.horizons)
    # The change into a window's first row needs the row before it.
    rows = rows[rows >= task.window]
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
