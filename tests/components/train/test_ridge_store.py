"""A fitted linear model is read again where nothing has changed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from components.preprocess.series import Series
from components.train.ridge import Layout
from components.train.ridge_store import kept_ridge
from components.train.task import Task


def test_what_is_read_again_is_what_was_fitted(series: Series, task: Task, layout: Layout, tmp_path: Path) -> None:
    first = kept_ridge(tmp_path, series, task, layout)
    (path,) = tmp_path.glob("*.npz")
    before = path.stat().st_mtime_ns
    again = kept_ridge(tmp_path, series, task, layout)
    assert path.stat().st_mtime_ns == before
    for name in ("kernel", "ahead", "bias"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    plain = [dataclasses.replace(one, kernel=0, ahead=0, bias=0) for one in (first, again)]
    assert plain[0] == plain[1]


def test_other_readings_are_fitted_anew(series: Series, task: Task, layout: Layout, tmp_path: Path) -> None:
    kept_ridge(tmp_path, series, task, layout)
    kept_ridge(tmp_path, dataclasses.replace(series, digest="another"), task, layout)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    assert not list(tmp_path.glob(".*"))
