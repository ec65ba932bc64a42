"""Cleaned readings, as the ingest step leaves them: one column at a time, sorted by series and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.errors import InputError

_STRETCH_ROWS = 131_072


@dataclass(frozen=True)
class Readings:
    """Readings of one or more series, one series after the other, in order of time.

    Attributes:
        names: names of the series.
        borders: [series + 1], first reading of each series, then the number of readings.
        stamps: gives the stamp of each reading, [readings] datetime64[ns], UTC.
        column: gives the readings of a column, [readings] float64, NaN where there is none.
    """

    names: tuple[str, ...]
    borders: NDArray[np.int64]
    stamps: Callable[[], NDArray[np.datetime64]]
    column: Callable[[str], NDArray[np.float64]]


def readings_from_parquet(dataset: Dataset, path: Path) -> Readings:
    """Readings of a Parquet file; stamps and columns are read one by one when they are asked for.

    Raises:
        InputError: if the file isn't there, lacks a column or holds no rows.
    """
    if not path.is_file():
        raise InputError(str(path), "is not there", "run the ingest step again")
    with pq.ParquetFile(path) as file:
        _require_columns(dataset, file.schema_arrow.names, str(path))

    def stamps() -> NDArray[np.datetime64]:
        return _values(path, "time", pa.timestamp("ns", "UTC"), np.dtype("datetime64[ns]"))

    def column(name: str) -> NDArray[np.float64]:
        return _values(path, name, pa.float64(), np.dtype(np.float64))

    names, borders = _series_in(path)
    return Readings(names, _with_readings(str(path), borders), stamps, column)


def readings_from_frame(dataset: Dataset, frame: pd.DataFrame) -> Readings:
    """Readings of a cleaned table in memory: columns `series`, `time` (UTC) and the dataset's.

    Raises:
        InputError: if the table lacks a column or holds no rows.
    """
    _require_columns(dataset, [str(name) for name in frame.columns], f"{dataset.name} readings")
    ordered = frame if _is_sorted(frame) else frame.sort_values(["series", "time"], kind="stable")
    codes, words = pd.factorize(ordered["series"].to_numpy())
    firsts = np.flatnonzero(np.diff(codes, prepend=-1))
    borders = _with_readings(f"{dataset.name} readings", np.append(firsts, len(ordered)))

    def stamps() -> NDArray[np.datetime64]:
        index = pd.DatetimeIndex(pd.to_datetime(ordered["time"], utc=True)).tz_localize(None)
        return index.to_numpy().astype("datetime64[ns]")

    def column(name: str) -> NDArray[np.float64]:
        return ordered[name].to_numpy(np.float64, na_value=np.nan)

    return Readings(tuple(str(words[codes[first]]) for first in firsts), borders, stamps, column)


def _values(path: Path, name: str, kind: pa.DataType, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A column of a Parquet file, read a stretch at a time so that nothing but the column itself is ever held."""
    with pq.ParquetFile(path) as file:
        values, at = np.empty(file.metadata.num_rows, dtype), 0
        for batch in file.iter_batches(_STRETCH_ROWS, columns=[name], use_threads=False):
            values[at : at + len(batch)] = batch.column(0).cast(kind).to_numpy(zero_copy_only=False)
            at += len(batch)
    return values


def _series_in(path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names and borders of the series of a Parquet file."""
    names: list[str] = []
    borders, at = [], 0
    with pq.ParquetFile(path, read_dictionary=["series"]) as file:
        for batch in file.iter_batches(_STRETCH_ROWS, columns=["series"], use_threads=False):
            codes, words = pd.factorize(batch.column(0).to_pandas())
            for first in np.flatnonzero(np.diff(codes, prepend=-1)).tolist():
                name = str(words[codes[first]])
                if not names or name != names[-1]:
                    borders.append(at + first)
                    names.append(name)
            at += len(batch)
    return tuple(names), np.array([*borders, at], np.int64)


def _with_readings(where: str, borders: NDArray[np.int64]) -> NDArray[np.int64]:
    if borders[-1] == 0:
        raise InputError(where, "holds no readings", "give a table with readings that can be used")
    return borders


def _require_columns(dataset: Dataset, present: list[str], where: str) -> None:
    missing = [name for name in ("series", "time", *dataset.columns) if name not in present]
    if missing:
        raise InputError(
            where, f"has no column {', '.join(missing)}", f"give a table with {', '.join(dataset.columns)}"
        )


def _is_sorted(frame: pd.DataFrame) -> bool:
    if frame["series"].nunique() == 1:
        return frame["time"].is_monotonic_increasing
    return False
