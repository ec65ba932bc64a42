"""A table of forecasts, in memory or in its file: columns are asked for one at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.errors import InputError

# Rows: Arrow keeps the most memory that it has ever had at once.
_PIECE = 16_384


class Table(Protocol):
    """What is read of a table of forecasts; a `pd.DataFrame` will do."""

    @property
    def columns(self) -> Iterable[Any]:
        """Names of the columns."""

    def __getitem__(self, name: str, /) -> Any:
        """The column as a `pd.Series`, [rows]."""


@dataclass(frozen=True)
class StoredTable:
    """`forecasts.parquet`, of which nothing stays in memory: its columns together outweigh all else that is judged.

    Attributes:
        path: the file.
        columns: names of its columns.
    """

    path: Path
    columns: tuple[str, ...]

    def __getitem__(self, name: str, /) -> pd.Series:
        """One column, read from the file.

        Raises:
            KeyError: if there is none of this name.
        """
        if name not in self.columns:
            raise KeyError(name)
        with pq.ParquetFile(self.path) as file:
            pieces = file.iter_batches(_PIECE, columns=[name], use_threads=False)
            columns: list[pd.Series] = [piece.column(0).to_pandas() for piece in pieces]
        return pd.concat(columns, ignore_index=True)


def open_forecasts(path: Path) -> StoredTable:
    """The table in a file that the ensemble step wrote.

    Raises:
        InputError: if it can't be read, or holds nothing.
    """
    try:
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:
            columns, rows = tuple(file.schema_arrow.names), file.metadata.num_rows
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"can't be read ({error})", "run the ensemble step again") from error
    if rows == 0:
        raise InputError(str(path), "holds no forecast whose actual is known", "choose a longer test part in `split`")
    return StoredTable(path, columns)


def values(table: Table, column: str) -> NDArray[np.float64]:
    """[rows] of one column, float64."""
    found: NDArray[np.float64] = table[column].to_numpy(dtype=np.float64)
    return found


def rows_by_horizon(table: Table) -> dict[str, NDArray[np.int64]]:
    """Rows of each horizon, in the table's order; by the horizon in steps as text, ascending."""
    horizons = table["horizon"].to_numpy(dtype=np.int64)
    steps, starts = np.unique(np.sort(horizons), return_index=True)
    groups = np.split(np.argsort(horizons, kind="stable"), starts[1:])
    return {str(step): rows for step, rows in zip(steps, groups, strict=True)}
