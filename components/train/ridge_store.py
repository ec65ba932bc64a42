"""A fitted linear model is kept, since all members of a seasonal task start from the same one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from components.deploy.durable import replacing
from components.preprocess.series import Series
from components.train.checkpoint import content_key
from components.train.ridge import Layout, Ridge, fit_ridge
from components.train.task import Task

FORMAT = 1
_ARRAYS = ("kernel", "ahead", "bias")


def kept_ridge(folder: Path | None, series: Series, task: Task, layout: Layout) -> Ridge:
    """The ridge of a series, task and layout: read where it was fitted before, else fitted and kept.

    Args:
        folder: where fitted models lie; None keeps none.
        series: the readings.
        task: what is forecast.
        layout: the features.
    """
    if folder is None:
        return fit_ridge(series, task, layout)
    key = content_key(format=FORMAT, series=series.digest, task=json.loads(task.to_json()), layout=asdict(layout))
    path = folder / f"{key}.npz"
    if path.is_file():
        return _read(path, layout)
    ridge = fit_ridge(series, task, layout)
    _write(path, ridge)
    return ridge


def _read(path: Path, layout: Layout) -> Ridge:
    with np.load(path, allow_pickle=False) as stored:
        facts = json.loads(str(stored["facts"]))
        arrays = {name: stored[name] for name in _ARRAYS}
    return Ridge(
        layout=layout,
        look_backs=tuple(facts["look_backs"]),
        penalties=tuple(facts["penalties"]),
        validation_rmse=facts["validation_rmse"],
        **arrays,
    )


def _write(path: Path, ridge: Ridge) -> None:
    names = ("look_backs", "penalties", "validation_rmse")
    facts = np.asarray(json.dumps({name: getattr(ridge, name) for name in names}))
    # Members that train side by side may write the same one.
    with replacing(path) as file:
        np.savez(file, facts=facts, **{name: getattr(ridge, name) for name in _ARRAYS})
