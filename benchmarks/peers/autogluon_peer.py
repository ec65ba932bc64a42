"""AutoGluon-TimeSeries without pre-trained weights.

It trains on the training part and chooses and weighs its models on windows spread over the validation part:
`num_val_windows` of them, from the first rows of that part to its last, with no training in between.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

from benchmarks.peers.tables import Table
from benchmarks.peers.task import Answer, Task
from benchmarks.peers.wql import QUANTILES

# Every model of AutoGluon-TimeSeries 1.6 that starts from weights trained on others' data.
PRETRAINED = ["Chronos", "Chronos2", "Toto", "Toto2"]
VALIDATION_WINDOWS = 10
# Rows handed over in one call: each test window is an item of its own with the whole history before it.
_ROWS_PER_CALL = 2_000_000


def forecast(table: Table, task: Task) -> Answer:
    """Trains within the budget, and forecasts every `stride`-th window of the test part."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(task.cores)
    readings = table.filled()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        predictor = _train(table, readings, task, f"{folder}/predictor")
        seconds = time.monotonic() - began
        began = time.monotonic()
        predictor.persist()
        forecasts = pd.concat(_roll(predictor, table, readings, task), ignore_index=True)
        return Answer(forecasts, seconds, time.monotonic() - began, _notes(predictor, task))


def _train(table: Table, readings: pd.DataFrame, task: Task, folder: str) -> TimeSeriesPredictor:
    rows = table.parts.validation - table.parts.train
    predictor = TimeSeriesPredictor(
        target="target",
        prediction_length=table.longest,
        freq=table.step,
        eval_metric="WQL",
        quantile_levels=list(QUANTILES),
        path=folder,
        log_to_file=False,
        verbosity=1,
    )
    return predictor.fit(
        _items(table, readings, [table.parts.validation - 1]),
        time_limit=task.budget_seconds,
        presets=task.preset,
        excluded_model_types=PRETRAINED,
        num_val_windows=VALIDATION_WINDOWS,
        val_step_size=(rows - table.longest) // (VALIDATION_WINDOWS - 1),
        refit_every_n_windows=None,
        random_seed=task.seed,
    )


def _items(table: Table, readings: pd.DataFrame, origins: Sequence[int]) -> TimeSeriesDataFrame:
    """One item per series and origin: all rows up to the origin. Its name is `series@row`."""
    pieces = [
        readings[list(table.past)]
        .iloc[: origin + 1]
        .assign(item_id=f"{series}@{origin}", timestamp=readings.index[: origin + 1], target=readings[column])
        for origin in origins
        for series, column in table.targets.items()
    ]
    return TimeSeriesDataFrame.from_data_frame(pd.concat(pieces, ignore_index=True))


def _roll(predictor: TimeSeriesPredictor, table: Table, readings: pd.DataFrame, task: Task) -> Iterator[pd.DataFrame]:
    origins = table.origins(task.stride)
    stamps = pd.DatetimeIndex(readings.index)
    at_once = max(_ROWS_PER_CALL // (table.parts.test * len(table.targets)), 1)
    for first in range(0, len(origins), at_once):
        items = _items(table, readings, origins[first : first + at_once])
        yield _laid_out(predictor.predict(items, use_cache=False, random_seed=task.seed), stamps)


def _laid_out(predicted: TimeSeriesDataFrame, stamps: pd.DatetimeIndex) -> pd.DataFrame:
    """`forecast` is the median, the quantile that the weighted quantile loss asks for."""
    names = pd.Series(predicted.index.get_level_values("item_id")).str.rsplit("@", n=1, expand=True)
    origins = names[1].astype(int).to_numpy()
    steps = stamps.get_indexer(predicted.index.get_level_values("timestamp")) - origins
    laid_out = {"series": names[0].astype("category"), "origin": stamps[origins], "horizon": steps.astype(np.int32)}
    quantiles = {column: predicted[str(level)].to_numpy(np.float32) for level, column in QUANTILES.items()}
    return pd.DataFrame({**laid_out, **quantiles})


def _notes(predictor: TimeSeriesPredictor, task: Task) -> dict[str, Any]:
    board = predictor.leaderboard()
    scores = dict(zip(board["model"], board["score_val"].round(4), strict=True))
    return {"preset": task.preset, "best": predictor.model_best, "validation_scores": scores}
