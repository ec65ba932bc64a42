"""The rows of a batch prediction as a table, and what identifies one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.preprocess.grid import stamps_after
from components.preprocess.last_window import LastWindow
from serving.clients.client import Answer

KEY = ("model", "version", "series", "origin", "horizon")
STAMP = pa.timestamp("us", "UTC")
KEY_FIELDS = (
    pa.field("model", pa.string(), nullable=False),
    pa.field("version", pa.int64(), nullable=False),
    pa.field("series", pa.string(), nullable=False),
    pa.field("origin", STAMP, nullable=False),
    pa.field("horizon", pa.int32(), nullable=False),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIGURES = ("forecast", "lower", "upper", "spike_probability")

# Series, origin in microseconds since 1970 (UTC), horizon in steps: a row of one version of one model.
RowKey = tuple[str, int, int]


@dataclass(frozen=True)
class Batch:
    """Windows that were asked together, and what was answered.

    Attributes:
        model: name of the model.
        dataset: its dataset.
        windows: one for each series.
        answer: [windows, ...].
        members: names in the order of the answer's members.
        at: when the rows are written, seconds since the epoch.
    """

    model: str
    dataset: Dataset
    windows: Sequence[LastWindow]
    answer: Answer
    members: Sequence[str]
    at: float


def origin_us(stamp: np.datetime64) -> int:
    """An origin as it is compared: whole microseconds, which is what databases keep."""
    return int(stamp.astype("datetime64[us]").astype(np.int64))


def window_keys(window: LastWindow, horizons: Sequence[int]) -> set[RowKey]:
    """Keys of the rows that a window gives."""
    origin = origin_us(window.origin)
    return {(window.series, origin, horizon) for horizon in horizons}


def table_keys(table: pa.Table) -> list[RowKey]:
    """The keys of a table's rows, in their order; all are of one model and version."""
    origins = table["origin"].cast(STAMP, safe=False).cast(pa.int64()).to_pylist()
    return list(zip(table["series"].to_pylist(), origins, table["horizon"].to_pylist(), strict=True))


def batch_rows(batch: Batch) -> pa.Table:
    """One row for each window and horizon: the key, `time`, the figures, `member_<name>`, `at`."""
    horizons, windows, answer = batch.dataset.horizons, batch.windows, batch.answer
    count = len(horizons)
    origins = np.array([window.origin for window in windows], "datetime64[us]")
    times = np.concatenate([stamps_after(batch.dataset, window.origin, horizons) for window in windows])
    total = len(windows) * count
    columns = {
        "model": pa.array([batch.model] * total),
        "version": np.full(total, answer.version, np.int64),
        "series": np.repeat(np.array([window.series for window in windows], object), count),
        "origin": np.repeat(origins, count),
        "horizon": np.tile(np.array(horizons, np.int32), len(windows)),
        "time": times.astype("datetime64[us]"),
        "forecast": answer.forecast.reshape(-1),
        "lower": answer.lower.reshape(-1),
        "upper": answer.upper.reshape(-1),
        "spike_probability": np.repeat(answer.spike_probability, count),
        **{f"member_{name}": answer.members[:, index].reshape(-1) for index, name in enumerate(batch.members)},
        "at": np.full(total, int(batch.at * 1e6), np.int64).astype("datetime64[us]"),
    }
    schema = rows_schema(batch.members)
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def rows_schema(members: Sequence[str]) -> pa.Schema:
    """Columns of the rows of a model with those members; stamps are in UTC."""
    figures = [pa.field(name, pa.float32()) for name in (*FIGURES, *(f"member_{name}" for name in members))]
    return pa.schema([*KEY_FIELDS, pa.field("time", STAMP), *figures, pa.field("at", STAMP)])


def unlike_numbers(answer: Answer) -> NDArray[np.bool_]:
    """[batch] whether a window's forecast or band is not a number, so that it can't be told to anyone."""
    parts = (answer.forecast, answer.lower, answer.upper)
    return np.asarray(~np.logical_and.reduce([np.isfinite(part).all(axis=1) for part in parts]))


def stamps_of(origins: Iterable[int]) -> list[datetime]:
    """Microseconds since 1970 as stamps in UTC, ascending."""
    return [_EPOCH + timedelta(microseconds=origin) for origin in sorted(origins)]


def microseconds(stamp: datetime) -> int:
    """A stamp with a zone as microseconds since 1970."""
    return (stamp - _EPOCH) // timedelta(microseconds=1)
