"""Linear: ridge regression of the target's change on the last rows, with a band that widens when things move."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Series
from components.preprocess.windows import gather_windows
from components.train.layers import ActivityBand, LastRow, LastRows, LinearForecast, Normalise, RawUnits
from components.train.network import Start, inputs_of, known_future, set_linear, window_unit
from components.train.ridge import changes, forecast_changes, units_at
from components.train.segments import FromLast
from components.train.start import SAMPLE, sample_rows
from components.train.task import Task

# Rows over which the target's recent moves are averaged.
RECENT_ROWS = 13


def model(series: Series, task: Task, start: Start) -> keras.Model:
    """The fitted ridge as a Keras model of the members' form."""
    window, future = inputs_of(task)
    scaled = Normalise(task.center, task.scale, task.calendar, name="normalise")(window)
    unit = None if (layer := window_unit(task)) is None else layer(window)
    if unit is not None:
        scaled = FromLast(task.target_feature, task.target, name="from_last")(scaled, window, unit)
    ahead = None if future is None else known_future(task)(future)
    row = None if ahead is None else keras.layers.Reshape((1, ahead.shape[-1]))(ahead)
    linear = LinearForecast(start.ridge.rows, len(task.horizons), name="linear_forecast")
    point = LastRow()(linear(LastRows(start.ridge.rows)(scaled), row))
    set_linear(linear, start)
    target = keras.ops.expand_dims(LastRows(_recent(task))(scaled)[..., task.target_feature], -1)
    change = _band(series, task, start)(point, target)
    forecast = RawUnits(task.target, start.scale, name="raw_units")(change, window, unit)
    given = {"window": window} if future is None else {"window": window, "future": future}
    return keras.Model(given, {"forecast": forecast}, name="member")


def _recent(task: Task) -> int:
    return min(RECENT_ROWS, task.window)


def _usual_unit(task: Task) -> float:
    """What the scaled target is measured in, in units of a window."""
    return 1.0 if task.own_unit else task.scale[task.target]


def _band(series: Series, task: Task, start: Start) -> ActivityBand:
    """The band whose multipliers are the quantiles of training residuals, measured in the activity of each window."""
    rows = sample_rows(series, task, "train", SAMPLE)
    scale = np.asarray(start.scale)
    units = units_at(series, task, rows)[:, None]
    point = forecast_changes(series, task, start.ridge, rows) / units / scale
    residuals = changes(series, task, rows) / units / scale - point
    ratio = _usual_unit(task) / float(np.mean(scale))
    moves = _moves(series, task, rows)[:, None] * ratio
    activity = moves + np.abs(point)
    calm = max(float(np.median(activity)), 1e-3)
    lower, upper = np.nanquantile(residuals / (calm + activity), task.quantiles, axis=0)
    return ActivityBand(calm, ratio, lower.tolist(), np.maximum(upper, lower).tolist(), name="band")


def _moves(series: Series, task: Task, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    target = np.ascontiguousarray(series.values[:, task.target : task.target + 1])
    usual = units_at(series, task, rows)[:, None] * _usual_unit(task)
    recent = gather_windows(target, rows, _recent(task))[..., 0].astype(np.float64) / usual
    return np.asarray(np.abs(np.diff(recent, axis=1)).mean(axis=1))
