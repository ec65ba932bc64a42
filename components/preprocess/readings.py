"""Cleaned readings, as the ingest step leaves them: one column at a time, sorted by series and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.errors import InputError


@dataclass(frozen=True)
class Readings:
    """Readings of one or more series, one series after the other, in order of time.

    Attributes:
        names: names of the series.
        borders: [series + 1], first reading of each series, then the number of readings.
        stamps: [readings] datetime64[ns], UTC.
        column: gives the readings of a column, [readings] float64, NaN where there is none.
    """

    names: tuple[str, ...]
    borders: NDArray[np.int64]
    stamps: NDArray[np.datetime64]
    column: Callable[[str], NDArray[np.float64]]


def readings_from_parquet(dataset: Dataset, path: Path) -> Readings:
    """Readings of a Parquet file; columns are read one by one when they are asked for.

    Raises:
        InputError: if the file isn't there, lacks a column or holds no rows.
    """
    if not path.is_file():
        raise InputError(str(path), "is not there", "run the ingest step again")
    file = pq.ParquetFile(path)
    _require_columns(dataset, file.schema_arrow.names, str(path))
    index = pq.read_table(path, columns=["series", "time"], read_dictionary=["series"])
    stamps = index["time"].cast(pa.timestamp("ns", "UTC")).to_numpy().astype("datetime64[ns]")
    labels = index["series"].combine_chunks()
    labels = labels.chunk(0) if isinstance(labels, pa.ChunkedArray) else labels
    if pa.types.is_dictionary(labels.type):
        codes, words = labels.indices.to_numpy(zero_copy_only=False), labels.dictionary.to_pylist()
    else:
        codes, words = pd.factorize(labels.to_numpy(zero_copy_only=False))

    def column(name: str) -> NDArray[np.float64]:
        values = pq.read_table(path, columns=[name])[name]
        return np.asarray(values.cast(pa.float64()).to_numpy(), np.float64)

    return _readings(str(path), np.asarray(codes), [str(word) for word in words], stamps, column)


def readings_from_frame(dataset: Dataset, frame: pd.DataFrame) -> Readings:
    """Readings of a cleaned table in memory: columns `series`, `time` (UTC) and the dataset's.

    Raises:
        InputError: if the table lacks a column or holds no rows.
    """
    _require_columns(dataset, [str(name) for name in frame.columns], f"{dataset.name} readings")
    ordered = frame if _is_sorted(frame) else frame.sort_values(["series", "time"], kind="stable")
    stamps = pd.DatetimeIndex(pd.to_datetime(ordered["time"], utc=True)).tz_localize(None).to_numpy()
    codes, words = pd.factorize(ordered["series"].to_numpy())

    def column(name: str) -> NDArray[np.float64]:
        return ordered[name].to_numpy(np.float64, na_value=np.nan)

    names = [str(word) for word in words]
    return _readings(f"{dataset.name} readings", codes, names, stamps.astype("datetime64[ns]"), column)


def _readings(
    where: str,
    codes: NDArray[np.int64],
    words: list[str],
    stamps: NDArray[np.datetime64],
    column: Callable[[str], NDArray[np.float64]],
) -> Readings:
    if len(codes) == 0:
        raise InputError(where, "holds no readings", "give a table with readings that can be used")
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
    names = tuple(words[codes[first]] for first in firsts)
    return Readings(names, np.append(firsts, len(codes)).astype(np.int64), stamps, column)


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
