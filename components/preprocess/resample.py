"""Readings of a column to one value per grid row, and causal fills of the rows between."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Column

Rows = NDArray[np.int64]
Doubles = NDArray[np.float64]
_BLOCK_ROWS = 65_536


def resample(readings: Doubles, rows: Rows, total: int, how: Literal["mean", "sum", "last", "max", "min"]) -> Doubles:
    """One value per grid row: [total] float64, NaN where a row has no reading.

    Args:
        readings: [readings], NaN where empty.
        rows: [readings] grid row of each reading, ascending.
        total: number of grid rows.
        how: what several readings of one row become.
    """
    result = np.full(total, np.nan)
    if (rows[1:] != rows[:-1]).all():
        result[rows] = readings
        result[np.isinf(result)] = np.nan
        return result
    present = np.isfinite(readings)
    readings, rows = readings[present], rows[present]
    if len(rows) == 0:
        return result
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
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
    """Fills empty rows, in place, from what was read before them; no series is filled from another.

    A gap is filled for its first `max_gap` steps. A static column holds one value for the whole series: also the
    rows before its first reading get that reading.

    Args:
        values: [rows], NaN where nothing was read.
        column: its role and policy.
        borders: [series + 1], first row of each series, then the number of rows.
    """
    if column.role == "static":
        return _fill_static(values, borders)
    before = -1
    for start in range(0, len(values), _BLOCK_ROWS):
        index = np.arange(start, min(start + _BLOCK_ROWS, len(values)))
        own = values[index[0] : index[-1] + 1]
        read = np.maximum.accumulate(np.where(np.isfinite(own), index, before))
        before = int(read[-1])
        first = borders[np.searchsorted(borders, index, side="right") - 1]
        has_reading = read >= first
        age = index - np.where(has_reading, read, first - 1)
        short = (age > 0) & (age <= column.missing.max_gap)
        if column.missing.fill == "hold":
            short &= has_reading
            own[short] = values[read[short]]
        else:
            own[short] = 0.0 if column.missing.fill == "zero" else float(column.missing.fill)
    return values


def _fill_static(values: Doubles, borders: Rows) -> Doubles:
    firsts = np.repeat(borders[:-1], np.diff(borders))
    read = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), -1))
    present = np.flatnonzero(np.isfinite(values))
    if len(present) == 0:
        return values
    # The first reading at or after each series' start, where it is of that series.
    following = np.append(present, len(values))[np.searchsorted(present, borders[:-1])]
    first_reading = np.where(following < borders[1:], following, -1)
    ahead = np.repeat(first_reading, np.diff(borders))
    source = np.where(read >= firsts, read, ahead)
    return np.where(source >= 0, values[source], np.nan)
