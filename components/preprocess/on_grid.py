"""Readings on regular grids: one table for all series, the same in training and in serving."""

from __future__ import annotations

from dataclasses import dataclass

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
        usable &= np.isfinite(values[:, index])
    for index, calendar in enumerate(dataset.calendar, start=len(dataset.columns)):
        values[:, index] = calendar_column(calendar, stamps, dataset.timezone)
    return GridTable(readings.names, borders, values, stamps, observed, usable, season)


def _grid_rows(dataset: Dataset, readings: Readings) -> tuple[Rows, NDArray[np.datetime64], Rows, int]:
    """Grid row of each reading, stamp of each grid row, borders of series, season."""
    rows, stamps, borders, season = [], [], [0], 1
    for first, last in zip(readings.borders[:-1], readings.borders[1:], strict=True):
        grid = grid_of(dataset, readings.stamps[first:last])
        season = grid.season
        own_rows, own_stamps = _rows_of(grid, grid.slots(readings.stamps[first:last]), _longest_kept(dataset))
        rows.append(own_rows + borders[-1])
        stamps.append(own_stamps)
        borders.append(borders[-1] + len(own_stamps))
    return np.concatenate(rows), np.concatenate(stamps), np.array(borders, np.int64), season


def _rows_of(grid: Grid, slots: Rows, longest_kept: int) -> tuple[Rows, NDArray[np.datetime64]]:
    """Grid row of each reading and stamp of each row of one series; see `GridTable.stamps` for what is left out."""
    steps = np.diff(slots)
    # Whole seasons are left out, so that rows one season apart stay at the same time of day.
    left_out = np.maximum(0, steps - longest_kept) // grid.season * grid.season
    rows = np.append(0, np.cumsum(steps - left_out)).astype(np.int64)
    jumps = np.zeros(rows[-1] + 1, np.int64)
    jumps[rows[1:][left_out > 0]] = left_out[left_out > 0]
    return rows, grid.stamps(slots[0] + np.arange(len(jumps)) + np.cumsum(jumps))


def _longest_kept(dataset: Dataset) -> int:
    filled = max(column.missing.max_gap for column in dataset.columns.values())
    within = dataset.spike.within if dataset.spike else 0
    return filled + dataset.window + max(*dataset.horizons, within) + 1
