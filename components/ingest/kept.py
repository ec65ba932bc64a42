"""Rows that are kept, as tables of readings: at once or a stretch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Dataset, Melt
from components.ingest.columns import Columns


@dataclass(frozen=True)
class KeptRows:
    """Rows by series and time.

    Attributes:
        dataset: what the columns are.
        names: of the series, by code.
        series: [rows] code of each row's series.
        ns: [rows] stamp, nanoseconds since 1970, UTC.
        kept: [rows] bool, false for the few that lost their last value after the rows were put in order.
        values: columns of the table, [rows] each.
    """

    dataset: Dataset
    names: tuple[str, ...]
    series: NDArray[np.int32]
    ns: NDArray[np.int64]
    kept: NDArray[np.bool_]
    values: Columns

    def frame(self) -> pd.DataFrame:
        """All readings: `series`, `time` (UTC), then a float64 column for each of the dataset's."""
        frames = list(self.frames(max(len(self.ns), 1)))
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    def frames(self, rows: int) -> Iterator[pd.DataFrame]:
        """The readings in tables of up to `rows` rows, one after the other; see `frame`."""
        for name, sources in self._melted():
            for first in range(0, max(len(self.ns), 1), rows):
                yield self._read(first, min(first + rows, len(self.ns)), name, sources)

    def _melted(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Each melted column's name and where each of the dataset's columns comes from; without melt once, unnamed."""
        melt = self.dataset.series
        if not isinstance(melt, Melt):
            yield "", {name: name for name in self.dataset.columns}
            return
        for melted in sorted(melt.melt):
            yield melted, {name: melted if name == melt.into else name for name in self.dataset.columns}

    def _read(self, first: int, last: int, melted: str, sources: dict[str, str]) -> pd.DataFrame:
        chosen = self.kept[first:last]
        columns = {name: self.values.part(source, first, last) for name, source in sources.items()}
        if isinstance(self.dataset.series, Melt):
            chosen = chosen & ~np.isnan(columns[self.dataset.series.into])
        rows = slice(None) if chosen.all() else np.flatnonzero(chosen)
        names, codes = np.array(self.names, dtype=object), self.series[first:last][rows]
        time = pd.DatetimeIndex(self.ns[first:last][rows].view("datetime64[ns]")).tz_localize("UTC")
        series = np.full(len(codes), melted, dtype=object) if melted else names[codes]
        values = {name: column[rows] for name, column in columns.items()}
        return pd.DataFrame({"series": series, "time": time, **values}, copy=False)
