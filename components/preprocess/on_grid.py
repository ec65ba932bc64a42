"""Readings on regular grids: one table for all series, the same in training and in serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.preprocess.calendar_columns import calendar_column
from components.preprocess.grid import Grid, grid_of
from components.preprocess.readings import Readings
from components.preprocess.resample import fill, resample

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class GridTable:
    """Series on their grids, one after the other.

    Attributes:
        names: names of the series.
        borders: [series + 1], first row of each series, then the number of rows.
        values: [rows, inputs] float32, raw units, filled; NaN beyond what is filled.
        stamps: [rows] datetime64[ns], UTC. Where nothing is read for longer than any window and horizon could
            bridge, whole seasons of empty rows are left out, and stamps jump.
        observed: [rows] whether the target was read.
        usable: [rows] whether every column has a value.
        season: steps of one season of the grid.
    """

    names: tuple[str, ...]
    borders: Rows
    values: NDArray[np.float32]
    stamps: NDArray[np.datetime64]
    observed: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    season: int


def lay_on_grid(dataset: Dataset, readings: Readings) -> GridTable:
    """Resamples and fills each column, and appends the calendar's: [rows, dataset.inputs]."""
    rows, stamps, borders, season = _grid_rows(dataset, readings)
    values = np.empty((len(stamps), len(dataset.inputs)), np.float32)
    observed = np.zeros(len(stamps), np.bool_)
    usable = np.ones(len(stamps), np.bool_)
    for index, (name, column) in enumerate(dataset.columns.items()):
        read = resample(readings.column(name), rows, len(stamps), column.resample)
        if name == dataset.target:
            observed = np.isfinite(read)
        with np.errstate(over="ignore"):
            values[:, index] = fill(read, column, borders)
        # A column at a time: not this one and the next.
        del read
        usable &= np.isfinite(values[:, index])
    for index, calendar in enumerate(dataset.calendar, start=len(dataset.columns)):
        values[:, index] = calendar_column(calendar, stamps, dataset.timezone)
    return GridTable(readings.names, borders, values, stamps, observed, usable, season)


def _grid_rows(dataset: Dataset, readings: Readings) -> tuple[Rows, NDArray[np.datetime64], Rows, int]:
    """Grid row of each reading, stamp of each grid row, borders of series, season."""
    read, rows, stamps, borders, season = readings.stamps(), [], [], [0], 1
    for first, last in zip(readings.borders[:-1], readings.borders[1:], strict=True):
        grid = grid_of(dataset, read[first:last])
        season = grid.season
        own_rows, own_stamps = _rows_of(grid, grid.slots(read[first:last]), _longest_kept(dataset))
        own_rows += borders[-1]
        rows.append(own_rows)
        stamps.append(own_stamps)
        borders.append(borders[-1] + len(own_stamps))
    return _joined(rows), _joined(stamps), np.array(borders, np.int64), season


def _rows_of(grid: Grid, slots: Rows, longest_kept: int) -> tuple[Rows, NDArray[np.datetime64]]:
    """Grid row of each reading and stamp of each row of one series; see `GridTable.stamps` for what is left out."""
    jumps = np.flatnonzero(np.diff(slots) > longest_kept) + 1
    # Whole seasons are left out, so that rows one season apart stay at the same time of day.
    left_out = (slots[jumps] - slots[jumps - 1] - longest_kept) // grid.season * grid.season
    first = slots[0]
    rows = np.subtract(slots, first, out=slots)
    _shift(rows, jumps, -left_out)
    kept = np.arange(first, first + rows[-1] + 1)
    _shift(kept, rows[jumps], left_out)
    return rows, grid.stamps(kept)


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """One after the other; a single series is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _shift(numbers: Rows, places: Rows, steps: Rows) -> None:
    """Adds to all numbers from each place on."""
    for first, last, step in zip(places, [*places[1:], len(numbers)], np.cumsum(steps), strict=False):
        numbers[first:last] += step


def _longest_kept(dataset: Dataset) -> int:
    filled = max(column.missing.max_gap for column in dataset.columns.values())
    within = dataset.spike.within if dataset.spike else 0
    return filled + dataset.window + max(*dataset.horizons, within) + 1
