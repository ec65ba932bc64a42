"""Out-of-fold forecasts: of every block, what members answered that were trained on the rows before it alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.cross_validate.train_fold import TRAINING_FILE, Training
from components.errors import InputError
from components.preprocess.series import Series
from components.preprocess.windows import gather_targets
from components.train.baselines import persistence, seasonal_naive
from components.train.forecasts import FILE_NAME as FORECASTS_FILE
from components.train.step import MEMBER_FILE

FILE_NAME = "out_of_fold.parquet"
MEMBER = "member_"
BASELINES = ("persistence", "seasonal_naive")
_BASELINE = "baseline_"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class OutOfFold:
    """Forecasts of all blocks, fold by fold.

    Attributes:
        horizons: lead times, in steps.
        folds: [n] number of the fold of each origin, from 1.
        series: [n] name of its series.
        stamps: [n] its moment, UTC.
        actual: [n, horizons] target, its unit; NaN where it was not read.
        baselines: by name, [n, horizons].
        members: by label, [n, horizons].
    """

    horizons: tuple[int, ...]
    folds: NDArray[np.int64]
    series: NDArray[np.object_]
    stamps: NDArray[np.datetime64]
    actual: Floats
    baselines: Mapping[str, Floats]
    members: Mapping[str, Floats]


@dataclass(frozen=True)
class Trained:
    """A training's folder: what was trained, what came of it, and its forecasts of the block."""

    training: Training
    detail: dict[str, Any]
    origins: NDArray[np.int64]
    points: Floats

    @property
    def label(self) -> str:
        """The member's name, with the experiment where it isn't the first."""
        again = f"_experiment_{self.training.experiment}" if self.training.experiment else ""
        return self.training.member + again


def read_trained(folder: Path) -> Trained:
    """Reads a folder that `train_fold` has written.

    Raises:
        InputError: it can't be read.
    """
    try:
        training = Training(**json.loads((folder / TRAINING_FILE).read_text(encoding="utf-8")))
        detail = json.loads((folder / MEMBER_FILE).read_text(encoding="utf-8"))
        with np.load(folder / FORECASTS_FILE) as file:
            return Trained(training, detail, file["test_origins"], file["test"][..., 0])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(str(folder), f"can't be read as a training ({error})", "train it again") from error


def gather_out_of_fold(series: Series, horizons: tuple[int, ...], trained: Sequence[Trained]) -> OutOfFold:
    """Puts trainings side by side, on the origins that all trainings of a fold have forecast.

    Raises:
        InputError: a member lacks a fold, or the trainings of a fold share no origin.
    """
    labels = tuple(dict.fromkeys(one.label for one in trained))
    by_key = {(one.training.fold, one.label): one for one in trained}
    folds = sorted({one.training.fold for one in trained})
    missing = [f"{label} of fold {fold}" for fold in folds for label in labels if (fold, label) not in by_key]
    if missing:
        raise InputError("folds", f"there is no training of {', '.join(missing)}", "run the cross-validation again")
    rows = {fold: _shared_origins([by_key[fold, label] for label in labels]) for fold in folds}
    if not all(map(len, rows.values())):
        raise InputError("folds", "the trainings of a fold share no origin", "give more readings or fewer folds")
    origins = np.concatenate([rows[fold] for fold in folds])
    members = {
        label: np.concatenate([_points_at(by_key[fold, label], rows[fold]) for fold in folds]) for label in labels
    }
    baselines = {
        "persistence": persistence(series, origins, horizons),
        "seasonal_naive": seasonal_naive(series, origins, horizons),
    }
    return OutOfFold(
        horizons=horizons,
        folds=np.repeat(np.array(folds, np.int64), [len(rows[fold]) for fold in folds]),
        series=_series_names(series, origins),
        stamps=np.asarray(series.stamps[origins]),
        actual=gather_targets(series, origins, horizons),
        baselines=baselines,
        members=members,
    )


def _shared_origins(trained: Sequence[Trained]) -> NDArray[np.int64]:
    # Another window has other first origins.
    return np.asarray(reduce(np.intersect1d, [one.origins for one in trained]), np.int64)


def _points_at(trained: Trained, rows: NDArray[np.int64]) -> Floats:
    return np.asarray(trained.points[np.searchsorted(trained.origins, rows)], np.float32)


def _series_names(series: Series, origins: NDArray[np.int64]) -> NDArray[np.object_]:
    starts = [span.start for span in series.spans]
    names = np.array([span.name for span in series.spans], dtype=object)
    return np.asarray(names[np.searchsorted(starts, origins, side="right") - 1])


def write_out_of_fold(table: OutOfFold, folder: Path) -> None:
    """Writes a row for each origin and horizon."""
    wide = len(table.horizons)
    columns: dict[str, Any] = {
        "fold": np.repeat(table.folds, wide),
        "series": np.repeat(table.series, wide),
        "origin": np.repeat(table.stamps.astype("datetime64[ns]"), wide),
        "horizon": np.tile(np.array(table.horizons, np.int64), len(table.folds)),
        "actual": table.actual.reshape(-1),
        **{f"{_BASELINE}{name}": values.reshape(-1) for name, values in table.baselines.items()},
        **{f"{MEMBER}{name}": values.reshape(-1) for name, values in table.members.items()},
    }
    pq.write_table(pa.table(columns), folder / FILE_NAME, compression="zstd")


def read_out_of_fold(folder: Path) -> OutOfFold:
    """Reads what `write_out_of_fold` wrote.

    Raises:
        InputError: the folder holds no such file.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise InputError(str(folder), f"holds no {FILE_NAME}", "make one with `sluice cross-validate`")
    columns = {name: column.to_numpy() for name, column in zip(*_columns(path), strict=True)}
    horizons = tuple(dict.fromkeys(columns["horizon"].tolist()))
    wide = len(horizons)

    def chosen(prefix: str) -> dict[str, Floats]:
        return {
            name.removeprefix(prefix): np.asarray(values, np.float32).reshape(-1, wide)
            for name, values in columns.items()
            if name.startswith(prefix)
        }

    return OutOfFold(
        horizons=horizons,
        folds=np.asarray(columns["fold"][::wide], np.int64),
        series=columns["series"][::wide],
        stamps=columns["origin"][::wide],
        actual=np.asarray(columns["actual"], np.float32).reshape(-1, wide),
        baselines=chosen(_BASELINE),
        members=chosen(MEMBER),
    )


def _columns(path: Path) -> tuple[list[str], list[Any]]:
    table = pq.read_table(path)
    return table.column_names, table.columns
