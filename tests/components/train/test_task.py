from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from components.dataset.schema import Dataset
from components.preprocess.series import Series
from components.train.task import Task


def test_json_holds_the_whole_task(task: Task) -> None:
    assert Task.from_json(task.to_json()) == task


def test_change_scale_is_the_spread_of_training_changes(series: Series, task: Task) -> None:
    target = series.values[:1000, 0].astype(np.float64)
    expected = [np.sqrt(np.nanmean((target[steps:] - target[:-steps]) ** 2)) for steps in task.horizons]
    np.testing.assert_allclose(task.change_scale, expected, rtol=1e-9)


def test_step_scale_is_the_spread_of_training_steps_however_many_rows_are_taken_at_once(
    dataset: Dataset, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = np.diff(series.values[:1000].astype(np.float64), axis=0)
    expected = np.sqrt(np.nanmean(steps**2, axis=0))
    for rows in (7, 999, 65_536):
        monkeypatch.setattr("components.train.task._BLOCK_ROWS", rows)
        np.testing.assert_allclose(Task.of(dataset, series).step_scale[:2], expected[:2], rtol=1e-12)


def test_readings_after_the_training_part_change_no_scale(dataset: Dataset, series: Series, task: Task) -> None:
    values = series.values.copy()
    values[1000:] = 1e6
    assert Task.of(dataset, dataclasses.replace(series, values=values)) == task


def test_a_target_that_never_moves_still_has_a_scale(dataset: Dataset, series: Series) -> None:
    values = series.values.copy()
    values[:, 0] = 2.0
    still = Task.of(dataset, dataclasses.replace(series, values=values))
    assert min(still.change_scale) > 0
    assert min(still.step_scale) > 0


def test_the_known_future_holds_every_horizon(task: Task) -> None:
    assert task.known == (1,)
    assert set(task.horizons) <= set(task.future_steps)
    assert max(task.future_steps) == task.longest
