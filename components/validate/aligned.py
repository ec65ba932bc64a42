"""A table of forecasts laid beside the series that it was made from: one row per origin, one column per horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.errors import InputError
from components.preprocess.series import Series
from components.validate.stored import Table, values

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Aligned:
    """Forecasts by origin.

    Attributes:
        table: as in `forecasts.parquet`.
        origins: [origins], rows of the series at which forecasts were made, ascending.
        horizons: steps ahead, ascending.
        _cell: [table rows], position among all origins and horizons, origin by origin.
    """

    table: Table
    origins: Rows
    horizons: tuple[int, ...]
    _cell: Rows

    def matrix(self, name: str) -> Floats:
        """[origins, horizons] of one column of the table; NaN where the actual is not known."""
        laid = np.full(len(self.origins) * len(self.horizons), np.nan)
        laid[self._cell] = values(self.table, name)
        return laid.reshape(len(self.origins), len(self.horizons))

    def by_origin(self, name: str) -> Floats:
        """[origins] of a column that says the same for each horizon."""
        laid = np.full(len(self.origins), np.nan)
        laid[self._cell // len(self.horizons)] = values(self.table, name)
        return laid


def align(table: Table, series: Series) -> Aligned:
    """Finds the row of the series at which each forecast was made.

    Raises:
        InputError: if an origin is not in the series.
    """
    rows = _rows_of(table, series)
    origins, row = np.unique(rows, return_inverse=True)
    horizons, column = np.unique(table["horizon"].to_numpy(dtype=np.int64), return_inverse=True)
    return Aligned(table, origins, tuple(int(step) for step in horizons), row * len(horizons) + column)


def _rows_of(table: Table, series: Series) -> Rows:
    stamps = pd.DatetimeIndex(table["origin"]).tz_convert("UTC").tz_localize(None).to_numpy(dtype="datetime64[ns]")
    codes, names = pd.factorize(table["series"])
    rows = np.full(len(stamps), -1, np.int64)
    for code, name in enumerate(names):
        mine = codes == code
        own = [span for span in series.spans if span.name == name]
        if own:
            # The spans of one series, if there are several, follow one another.
            first, last = own[0].start, own[-1].end
            found = first + np.searchsorted(series.stamps[first:last], stamps[mine])
            found[found == last] = first
            rows[mine] = np.where(series.stamps[found] == stamps[mine], found, -1)
    if (rows < 0).any():
        bad = int(np.argmin(rows))
        problem = f"has an origin {stamps[bad]} of {table['series'].iloc[bad]!r} that the series lacks"
        raise InputError("forecasts.parquet", problem, "run the ensemble step again on this series")
    return rows
