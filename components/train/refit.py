"""A warm start's linear forecast, fitted anew to all training readings: new ones count at once, for seconds of work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from components.preprocess.generations import newer, older, with_spans
from components.preprocess.series import Series
from components.train.ridge import Matrix, Ridge
from components.train.ridge_store import kept_ridge
from components.train.start import SAMPLE, relative_residuals, sample_rows
from components.train.task import Task
from components.train.warm_start import WarmStart

# Most that squared errors on old readings may rise, for what is noise.
FORGOTTEN = 1.01


def refitted(series: Series, warm: WarmStart, kept: Path | None) -> WarmStart:
    """The warm start on the linear forecast of today's readings, where that is better on new validation windows.

    On old ones it may be a little worse: one line through two regimes would forget the old.

    Args:
        series: old and new readings.
        warm: what the champion left.
        kept: folder of fitted linear models; None keeps none.
    """
    old = warm.start.ridge
    # The network's layer holds no more rows than the champion's.
    lengths = tuple(length for length in old.layout.lengths if old.layout.edges[length - 1] <= old.rows)
    new = kept_ridge(kept, series, warm.task, replace(old.layout, lengths=lengths))
    new = replace(new, layout=old.layout, kernel=_lengthened(new.kernel, old.rows))
    gained = _ratio(with_spans(series, newer(series, warm.until)), warm, new) <= 1
    kept_old = _ratio(with_spans(series, older(series, warm.until)), warm, new) <= FORGOTTEN
    return replace(warm, start=replace(warm.start, ridge=new)) if gained and kept_old else warm


def _lengthened(kernel: Matrix, rows: int) -> Matrix:
    """A kernel [look-back rows, features, horizons] that looks back further and finds nothing there."""
    return np.concatenate([np.zeros((rows - len(kernel), *kernel.shape[1:])), kernel])


def _ratio(series: Series, warm: WarmStart, ridge: Ridge) -> float:
    """Squared error on validation windows over that of the champion's linear forecast, mean over horizons."""
    ours, theirs = (_mean_squares(series, warm.task, each) for each in (ridge, warm.start.ridge))
    return float(np.mean(ours / np.maximum(theirs, np.finfo(np.float64).tiny)))


def _mean_squares(series: Series, task: Task, ridge: Ridge) -> Matrix:
    residuals, counts = relative_residuals(series, task, ridge, sample_rows(series, task, "validation", SAMPLE))
    known = np.isfinite(residuals)
    squares = np.where(known, residuals, 0.0) ** 2 * counts
    return np.asarray(squares.sum(axis=0) / np.maximum((known * counts).sum(axis=0), 1e-30))
