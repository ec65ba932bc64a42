"""Readings of a column to one value per grid row, and causal fills of the rows between."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Column, Missing

Rows = NDArray[np.int64]
Doubles = NDArray[np.float64]


def resample(readings: Doubles, rows: Rows, total: int, how: Literal["mean", "sum", "last", "max", "min"]) -> Doubles:
    """One value per grid row: [total] float64, NaN where a row has no reading.

    Args:
        readings: [readings], NaN where empty.
        rows: [readings] grid row of each reading, ascending.
        total: number of grid rows.
        how: what several readings of one row become.
    """
    present = np.isfinite(readings)
    if not present.all():
        readings, rows = readings[present], rows[present]
    result = np.full(total, np.nan)
    if len(rows) == 0:
        return result
    new_row = np.append(True, rows[1:] != rows[:-1])
    if new_row.all():
        result[rows] = readings
        return result
    starts = np.flatnonzero(new_row)
    result[rows[starts]] = _reduce(readings, starts, how)
    return result


def _reduce(readings: Doubles, starts: Rows, how: str) -> Doubles:
    ends = np.append(starts[1:], len(readings))
    match how:
        case "last":
            return np.asarray(readings[ends - 1])
        case "max":
            return np.asarray(np.maximum.reduceat(readings, starts))
        case "min":
            return np.asarray(np.minimum.reduceat(readings, starts))
        case "sum":
            return np.asarray(np.add.reduceat(readings, starts))
        case _:
            return np.asarray(np.add.reduceat(readings, starts) / (ends - starts))


def fill(values: Doubles, column: Column, borders: Rows) -> Doubles:
    """Fills empty rows from what was read before them; no series is filled from another.

    A gap is filled for its first `max_gap` steps. A static column holds one value for the whole series: also the
    rows before its first reading get that reading.

    Args:
        values: [rows], NaN where nothing was read.
        column: its role and policy.
        borders: [series + 1], first row of each series, then the number of rows.
    """
    firsts = np.repeat(borders[:-1], np.diff(borders))
    index = np.arange(len(values))
    read = np.maximum.accumulate(np.where(np.isfinite(values), index, -1))
    if column.role == "static":
        return _fill_static(values, read, firsts, borders)
    has_reading = read >= firsts
    age = index - np.where(has_reading, read, firsts - 1)
    short = (age > 0) & (age <= column.missing.max_gap)
    return _fill_short(values, read, short, has_reading, column.missing)


def _fill_short(
    values: Doubles, read: Rows, short: NDArray[np.bool_], has_reading: NDArray[np.bool_], missing: Missing
) -> Doubles:
    if missing.fill == "hold":
        return np.where(short & has_reading, values[read], values)
    constant = 0.0 if missing.fill == "zero" else float(missing.fill)
    return np.where(short, constant, values)


def _fill_static(values: Doubles, read: Rows, firsts: Rows, borders: Rows) -> Doubles:
    present = np.flatnonzero(np.isfinite(values))
    if len(present) == 0:
        return values
    # The first reading at or after each series' start, where it is of that series.
    following = np.append(present, len(values))[np.searchsorted(present, borders[:-1])]
    first_reading = np.where(following < borders[1:], following, -1)
    ahead = np.repeat(first_reading, np.diff(borders))
    source = np.where(read >= firsts, read, ahead)
    return np.where(source >= 0, values[source], np.nan)
