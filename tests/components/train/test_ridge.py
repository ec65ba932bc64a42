from __future__ import annotations

import dataclasses

import numpy as np

from components.preprocess.series import Series
from components.preprocess.windows import origins
from components.train.ridge import changes, fit_ridge, forecast_changes, row_layout
from components.train.task import Task


def test_a_linear_river_is_forecast_exactly(series: Series, task: Task) -> None:
    # A level that turns like a wheel is a linear map of its last two values.
    values = series.values.copy()
    values[:, 0] = np.sin(np.arange(len(values)) / 5)
    values[300:305] = np.nan
    turning = dataclasses.replace(series, values=values)
    ridge = fit_ridge(turning, task, row_layout(task))
    rows = origins(turning, "test", task.window, task.horizons)
    error = forecast_changes(turning, task, ridge, rows) - changes(turning, task, rows)
    assert np.abs(error).max() < 1e-2 * np.abs(changes(turning, task, rows)).max()


def test_normal_equations_in_batches_equal_the_plain_solution(series: Series, task: Task) -> None:
    ridge = fit_ridge(series, task, row_layout(task))
    rows = origins(series, "test", task.window, task.horizons)
    ours = forecast_changes(series, task, ridge, rows) - changes(series, task, rows)
    still = changes(series, task, rows)
    assert np.nanmean(ours**2) < 0.5 * np.nanmean(still**2)


def test_test_readings_do_not_touch_the_weights(series: Series, task: Task) -> None:
    values = series.values.copy()
    values[1250:] += 100.0
    before = fit_ridge(series, task, row_layout(task))
    after = fit_ridge(dataclasses.replace(series, values=values), task, row_layout(task))
    np.testing.assert_array_equal(before.kernel, after.kernel)
    np.testing.assert_array_equal(before.bias, after.bias)


def test_the_known_future_is_used(series: Series, task: Task) -> None:
    ridge = fit_ridge(series, task, row_layout(task))
    # Rain acts three hours later, so that rain after the origin moves only the longer horizon.
    assert np.abs(ridge.ahead[:, 1]).max() > 5 * np.abs(ridge.ahead[:, 0]).max()
