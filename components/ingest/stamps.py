"""Stamps of a column, in any of the common spellings, as nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.ingest.cells import as_text
from components.ingest.stamp_spelling import DateOrder, parse_spelled
from components.ingest.wall_clock import NO_TIME


@dataclass(frozen=True)
class Stamps:
    """Stamps as read.

    Attributes:
        ns: [rows] int64 nanoseconds since 1970, NO_TIME where the cell is no stamp.
        zoned: [rows] bool, true where `ns` is UTC, false where it is what a clock showed.
    """

    ns: NDArray[np.int64]
    zoned: NDArray[np.bool_]


@dataclass
class StampReader:
    """Reads the stamps of one source; remembers whether its dates have the day or the month first."""

    order: DateOrder = field(default_factory=DateOrder)

    def read(self, column: pd.Series) -> Stamps:
        """Stamps of some rows: ISO 8601, `2024/1/5 3:00`, `05.01.2024 03:00`, seconds or milliseconds since 1970."""
        typed = _typed(column)
        if typed is not None:
            return typed
        texts = as_text(_digits(column))
        fast = _iso(texts)
        return fast if fast is not None else self._each(texts)

    def _each(self, texts: Any) -> Stamps:
        spelled = parse_spelled(texts, self.order)
        return Stamps(spelled.ns, spelled.zoned)


def _typed(column: pd.Series) -> Stamps | None:
    """Stamps of a column that holds times as such."""
    if isinstance(column.dtype, pd.ArrowDtype):
        kind = column.dtype.pyarrow_dtype
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            return None
        zone = getattr(kind, "tz", None)
        column = pd.Series(pa.array(column.array).to_pandas(), name=column.name)
        if pa.types.is_date(kind):
            column = pd.to_datetime(column, errors="coerce")
    elif not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return None
    else:
        zone = getattr(column.dtype, "tz", None)
    index = pd.DatetimeIndex(column)
    index = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
    ns = _nanoseconds(index.to_numpy())
    return Stamps(ns, np.full(len(ns), zone is not None))


def _nanoseconds(stamps: NDArray[Any]) -> NDArray[np.int64]:
    """Stamps of any resolution in nanoseconds; those outside what 64 bits hold are no stamps."""
    seconds = stamps.astype("datetime64[s]").astype(np.int64)
    inside = np.abs(seconds) < 9_200_000_000
    safe = np.where(inside, stamps, np.datetime64("NaT"))
    return np.asarray(safe.astype("datetime64[ns]").astype(np.int64))


def _digits(column: pd.Series) -> pd.Series:
    """Whole numbers without a decimal point, so that seconds since 1970 look the same from every source."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return column
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2**63)
    texts = np.where(whole, np.where(whole, values, 0).astype(np.int64).astype(str), values.astype(str))
    return pd.Series(texts, dtype=object)


def _iso(texts: Any) -> Stamps | None:
    """Stamps where all cells are ISO 8601 and all, or none, say their zone; None where they are not."""
    for kind, zoned in ((pa.timestamp("ns"), False), (pa.timestamp("ns", "UTC"), True)):
        try:
            cast = pc.cast(texts, kind)
        except pa.ArrowInvalid:
            continue
        ns = np.array(pc.fill_null(pc.cast(cast, pa.int64()), int(NO_TIME)).to_numpy(zero_copy_only=False))
        return Stamps(ns, np.full(len(ns), zoned))
    return None
