"""The last readings of one series, put together from what successive questions brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MAX_ROWS = 2000
MAX_AGE = np.timedelta64(24, "h")


@dataclass(frozen=True)
class Recent:
    """Readings of one series, oldest first, each stamp once.

    Attributes:
        columns: names of the columns.
        stamps: [rows] datetime64[ns], UTC.
        values: [rows, columns] float32, raw units, NaN where nothing was read.
    """

    columns: tuple[str, ...]
    stamps: NDArray[np.datetime64]
    values: NDArray[np.float32]

    def merged(self, newer: Recent, origin: np.datetime64) -> Recent:
        """Both together, at most MAX_AGE before the origin and MAX_ROWS rows; over its own span the newer one counts.

        Readings of other columns (a version with another dataset file) are not kept.
        """
        if newer.columns != self.columns:
            return newer.trimmed(origin)
        if len(newer.stamps) == 0:
            return self.trimmed(origin)
        head, tail = self.stamps < newer.stamps[0], self.stamps > newer.stamps[-1]
        stamps = np.concatenate([self.stamps[head], newer.stamps, self.stamps[tail]])
        values = np.concatenate([self.values[head], newer.values, self.values[tail]])
        return Recent(self.columns, stamps, values).trimmed(origin)

    def trimmed(self, origin: np.datetime64) -> Recent:
        """Without what is too old or too much to keep."""
        return self.since(origin - MAX_AGE).last(MAX_ROWS)

    def since(self, stamp: np.datetime64) -> Recent:
        """Readings after a stamp."""
        return self.last(len(self.stamps) - int(np.searchsorted(self.stamps, stamp, side="right")))

    def last(self, rows: int) -> Recent:
        """The last so many rows."""
        start = max(0, len(self.stamps) - rows)
        return Recent(self.columns, self.stamps[start:], self.values[start:])


def recent_of(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, Recent]:
    """The readings of each series of a cleaned frame: `series`, `time` (UTC) and the columns."""
    if len(frame) == 0:
        return {}
    stamps = _stamps(frame["time"])
    values = frame[list(columns)].to_numpy(np.float32, na_value=np.nan)
    codes, names = pd.factorize(frame["series"])
    if len(names) == 1:
        return {str(names[0]): _ordered(tuple(columns), stamps, values)}
    order = np.argsort(codes, kind="stable")
    borders = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {
        str(name): _ordered(tuple(columns), stamps[rows], values[rows])
        for name, rows in ((name, order[borders[i] : borders[i + 1]]) for i, name in enumerate(names))
    }


def _ordered(columns: tuple[str, ...], stamps: NDArray[np.datetime64], values: NDArray[np.float32]) -> Recent:
    if len(stamps) > 1 and not (stamps[1:] > stamps[:-1]).all():
        # Of equal stamps the last row counts.
        _, first = np.unique(stamps[::-1], return_index=True)
        keep = len(stamps) - 1 - first
        stamps, values = stamps[keep], values[keep]
    return Recent(columns, stamps, values)


def _stamps(time: pd.Series) -> NDArray[np.datetime64]:
    index = pd.DatetimeIndex(time)
    naive = index if index.tz is None else index.tz_convert("UTC").tz_localize(None)
    return naive.to_numpy("datetime64[ns]")
