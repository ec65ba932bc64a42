"""A member's forecasts for every validation and test window, from which weights are fitted without training again."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import PartName, Series
from components.preprocess.windows import gather_targets, origins
from components.train.scoring import Answers
from components.train.task import Task

FILE_NAME = "forecasts.npz"
PARTS: tuple[PartName, ...] = ("validation", "test")
# Windows between two words of progress.
_STRETCH = 4096


@dataclass(frozen=True)
class PartErrors:
    """RMSE of a part, in the target's unit: over all horizons, and by horizon."""

    rmse: float
    by_horizon: dict[int, float]


def write_forecasts(
    series: Series,
    task: Task,
    answer: Callable[[NDArray[np.int64]], Answers],
    folder: Path,
    tell: Callable[[float], None],
) -> dict[PartName, PartErrors]:
    """Writes `forecasts.npz` into the member folder; gives the errors of each part.

    Args:
        series: the readings.
        task: what is forecast.
        answer: answers windows that end at given rows: forecast [n, h, 3] (and spike [n]).
        folder: the member's folder.
        tell: is told the share done.
    """
    rows = {part: origins(series, part, task.window, task.horizons) for part in PARTS}
    total, done = max(sum(map(len, rows.values())), 1), 0
    arrays: dict[str, Any] = {}
    for part, own in rows.items():
        stretches: list[Answers] = []
        for first in range(0, max(len(own), 1), _STRETCH):
            stretches.append(answer(own[first : first + _STRETCH]))
            done += len(own[first : first + _STRETCH])
            tell(done / total)
        arrays[f"{part}_origins"] = own
        for name in stretches[0]:
            key = part if name == "forecast" else f"{part}_{name}"
            arrays[key] = np.concatenate([stretch[name] for stretch in stretches])
    np.savez(folder / FILE_NAME, **arrays)
    return {part: part_errors(series, task, own, arrays[part]) for part, own in rows.items()}


@contextmanager
def opened_rows(path: Path, name: str) -> Iterator[Callable[[int], NDArray[np.float32]]]:
    """Reads an array of `forecasts.npz` from its first row on: gives a function that reads the next `count` rows.

    NumPy reads such an array whole or not at all; this one lies in the archive as it lies in memory.

    Raises:
        OSError, ValueError, KeyError: the file can't be read, or holds no such array by rows.
    """
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        np.lib.format.read_magic(file)
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
        if by_columns:
            raise ValueError(f"{path}: {name} lies column by column")
        row_bytes = dtype.itemsize * math.prod(shape[1:])

        def read(count: int) -> NDArray[np.float32]:
            return np.frombuffer(file.read(count * row_bytes), dtype).reshape(-1, *shape[1:]).astype(np.float32)

        yield read


def part_errors(series: Series, task: Task, rows: NDArray[np.int64], forecast: NDArray[np.float32]) -> PartErrors:
    """Errors of point forecasts [n, h, 3] where the target was observed."""
    error = forecast[..., 0].astype(np.float64) - gather_targets(series, rows, task.horizons)
    known = np.isfinite(error)
    squares = np.where(known, error, 0.0) ** 2
    overall = float(np.sqrt(squares.sum() / max(int(known.sum()), 1)))
    each = np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return PartErrors(overall, dict(zip(task.horizons, each.tolist(), strict=True)))
