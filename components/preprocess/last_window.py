"""The window that ends at a series' last reading, for a forecast of what comes next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.errors import InputError
from components.preprocess.on_grid import GridTable, lay_on_grid
from components.preprocess.readings import readings_from_frame


@dataclass(frozen=True)
class LastWindow:
    """One series' last window.

    Attributes:
        series: name of the series.
        origin: stamp of the last row at which the target was read, datetime64[ns], UTC.
        values: [window, columns] float32, raw units, dataset.inputs in order.
        future: [longest horizon, known columns] float32 after the origin; None where no column is known.
    """

    series: str
    origin: np.datetime64
    values: NDArray[np.float32]
    future: NDArray[np.float32] | None


@dataclass(frozen=True)
class LastWindows:
    """The last windows of many series, and why the others have none.

    Attributes:
        windows: one for each series that has one.
        refused: what is wrong with each of the others.
        refused_series: names of the others.
    """

    windows: tuple[LastWindow, ...]
    refused: tuple[InputError, ...]
    refused_series: tuple[str, ...] = ()


def last_windows(dataset: Dataset, readings: pd.DataFrame) -> list[LastWindow]:
    """The last window of every series, made by the code that makes training windows.

    Args:
        dataset: what the columns are.
        readings: cleaned readings: `series`, `time` (UTC) and the dataset's columns.

    Raises:
        InputError: if a column is missing, or a series is too short or has a gap where the window should be.
    """
    found = cut_last_windows(dataset, readings)
    if found.refused:
        raise found.refused[0]
    return list(found.windows)


def cut_last_windows(dataset: Dataset, readings: pd.DataFrame) -> LastWindows:
    """The last window of every series that has one; for a panel, in which one series may be too short.

    Raises:
        InputError: if a column is missing or there are no readings.
    """
    table = lay_on_grid(dataset, readings_from_frame(dataset, readings))
    windows, refused, names = [], [], []
    for index, name in enumerate(table.names):
        try:
            windows.append(_last_window(dataset, table, index))
        except InputError as error:
            refused.append(error)
            names.append(name)
    return LastWindows(tuple(windows), tuple(refused), tuple(names))


def _last_window(dataset: Dataset, table: GridTable, index: int) -> LastWindow:
    name, start, end = table.names[index], int(table.borders[index]), int(table.borders[index + 1])
    where = f"{dataset.name} readings of {name}"
    read = np.flatnonzero(table.observed[start:end])
    if len(read) == 0:
        raise InputError(where, f"{dataset.target} is never read", f"give readings of {dataset.target}")
    origin = start + int(read[-1])
    rows = origin - start + 1
    if rows < dataset.window:
        raise InputError(
            where,
            f"{rows} rows up to the last reading of {dataset.target} ({_text(table.stamps[origin])}), "
            f"while a window needs {dataset.window}",
            f"give at least {dataset.window} steps of {dataset.step} of readings",
        )
    _require_values(dataset, table, slice(origin - dataset.window + 1, origin + 1), where)
    future = _future(dataset, table, origin, end, where) if dataset.known else None
    values = table.values[origin - dataset.window + 1 : origin + 1].copy()
    return LastWindow(name, table.stamps[origin], values, future)


def _require_values(dataset: Dataset, table: GridTable, rows: slice, where: str) -> None:
    empty = ~np.isfinite(table.values[rows])
    if not empty.any():
        return
    # The latest empty value is the one that readings still to come would reach first.
    row, column = np.argwhere(empty)[-1]
    name = dataset.inputs[column]
    policy = dataset.columns[name].missing
    stamp = _text(table.stamps[rows][row])
    raise InputError(
        where,
        f"{name} has no value at {stamp}, within the last {dataset.window} steps, and gaps longer than "
        f"{policy.max_gap} steps are not filled",
        f"give readings of {name} around {stamp}, or raise columns.{name}.missing.max_gap",
    )


def _future(dataset: Dataset, table: GridTable, origin: int, end: int, where: str) -> NDArray[np.float32]:
    ahead = max(dataset.horizons)
    rows = slice(origin + 1, min(origin + 1 + ahead, end))
    columns = [dataset.inputs.index(name) for name in dataset.known]
    future = table.values[rows][:, columns]
    for name, values in zip(dataset.known, future.T, strict=True):
        present = int(np.isfinite(values).cumprod().sum())
        if present < ahead:
            raise InputError(
                where,
                f"{name} is known for {present} steps after {_text(table.stamps[origin])}, "
                f"while the longest horizon needs {ahead}",
                f"give readings of {name} for {ahead} steps of {dataset.step} after the last reading of "
                f"{dataset.target}",
            )
    return future.copy()


def _text(stamp: np.datetime64) -> str:
    return f"{np.datetime_as_string(stamp, unit='s')}Z"
