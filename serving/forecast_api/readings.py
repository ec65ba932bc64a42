"""An input of KServe's time-series API as raw readings, checked against the dataset file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from components.dataset.schema import Dataset
from components.preprocess.grid import stamps_after
from serving.forecast_api.messages import ForecastInput, plain
from serving.kserve_sdk import TimeSeriesType
from serving.server.errors import RequestError

_SECONDS = {
    "S": 1,
    "second": 1,
    "T": 60,
    "minute": 60,
    "H": 3600,
    "hour": 3600,
    "D": 86_400,
    "day": 86_400,
    "W": 604_800,
    "week": 604_800,
}
_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def readings_of(given: ForecastInput, dataset: Dataset, where: str, now: Callable[[], float]) -> pd.DataFrame:
    """The input as a table: the dataset's time column, its series column for a panel, its columns.

    Args:
        given: the input.
        dataset: of the version that will answer.
        where: the input's place in the request, for errors.
        now: seconds since the epoch, for an input without a start.

    Raises:
        RequestError: frequency, columns, shape or start aren't the dataset's.
    """
    _check_frequency(given, dataset, where)
    _check_melted(given, dataset, where)
    columns = _columns(given, dataset, where)
    values = _values(given, columns, where)
    stamps = _stamps(given, dataset, len(values), where, now)
    table = pd.DataFrame(values, columns=list(columns))
    table.insert(0, dataset.time, [f"{np.datetime_as_string(stamp, unit='s')}Z" for stamp in stamps])
    if dataset.series_column is not None:
        table.insert(1, dataset.series_column, given.name)
    if dataset.melt is not None:
        return table.rename(columns={dataset.melt.into: given.name})
    return table


def _check_melted(given: ForecastInput, dataset: Dataset, where: str) -> None:
    """A wide table that was melted: an input is one of its columns, named by it."""
    if dataset.melt is None:
        return
    if tuple(dataset.columns) != (dataset.melt.into,):
        raise RequestError(
            f"{where}: this model reads a wide table with further columns: ask it by /v1/models/NAME:predict"
        )
    if given.name not in dataset.melt.melt:
        raise RequestError(f"{where}.name: expected one of {', '.join(dataset.melt.melt)}, got {plain(given.name)!r}")


def _check_frequency(given: ForecastInput, dataset: Dataset, where: str) -> None:
    unit, multiple = frequency_of(dataset)
    seconds = _SECONDS.get(given.frequency.value, 0) * given.frequency_multiple
    wanted = dataset.step_seconds
    if seconds != wanted:
        raise RequestError(
            f"{where}.frequency: the model reads steps of {dataset.step}; give frequency {unit!r}"
            + (f" with frequency_multiple {multiple}" if multiple > 1 else " without frequency_multiple")
            + f", got {given.frequency.value!r} times {given.frequency_multiple}"
        )


def frequency_of(dataset: Dataset) -> tuple[str, int]:
    """The dataset's step as KServe's unit and how many of it."""
    seconds = dataset.step_seconds
    return next((unit, seconds // size) for unit, size in _UNITS if seconds % size == 0)


def _columns(given: ForecastInput, dataset: Dataset, where: str) -> tuple[str, ...]:
    wanted = tuple(dataset.columns)
    if given.type == TimeSeriesType.UNIVARIATE:
        if len(wanted) > 1:
            raise RequestError(
                f"{where}.type: the model reads {len(wanted)} columns ({', '.join(wanted)}); "
                f"give {TimeSeriesType.MULTIVARIATE.value} with a list of them at each step"
            )
        return wanted
    if given.columns is None:
        return wanted
    unknown = [name for name in given.columns if name not in wanted]
    missing = [name for name in wanted if name not in given.columns]
    doubled = len(set(given.columns)) != len(given.columns)
    if unknown or missing or doubled:
        problem = f"unknown {plain(unknown[0])!r}" if unknown else f"no {missing[0]!r}" if missing else "a name twice"
        raise RequestError(f"{where}.columns: expected {', '.join(wanted)}, each once, got {problem}")
    return tuple(given.columns)


def _values(given: ForecastInput, columns: Sequence[str], where: str) -> list[list[float | None]]:
    rows = [row if isinstance(row, list) else [row] for row in given.series]
    if len(columns) > 1 and not isinstance(given.series[0], list):
        raise RequestError(f"{where}.series: expected {len(columns)} values at each step, got a single number")
    for step, row in enumerate(rows):
        if len(row) != len(columns):
            raise RequestError(
                f"{where}.series[{step}]: expected {len(columns)} values ({', '.join(columns)}), got {len(row)}; "
                "series is [steps][columns]"
            )
    return rows


def _stamps(
    given: ForecastInput, dataset: Dataset, steps: int, where: str, now: Callable[[], float]
) -> Sequence[np.datetime64]:
    after = tuple(range(steps))
    if given.start_timestamp is not None:
        return list(stamps_after(dataset, _start(given.start_timestamp, dataset, where), after))
    if dataset.calendar:
        raise RequestError(
            f"{where}.start_timestamp: the model reads the calendar ({', '.join(dataset.calendar)}): give it"
        )
    latest = np.datetime64(int(now()), "s").astype("datetime64[ns]")
    return list(stamps_after(dataset, latest, tuple(step - steps + 1 for step in after)))


def _start(text: str, dataset: Dataset, where: str) -> np.datetime64:
    try:
        stamp = pd.Timestamp(text)
        local = stamp.tz_localize(dataset.timezone) if stamp.tzinfo is None else stamp
        if not pd.Timestamp("1900-01-01", tz="UTC") <= local <= pd.Timestamp("2200-01-01", tz="UTC"):
            raise ValueError("beyond 1900 to 2200")
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(
            f"{where}.start_timestamp: expected a time such as 2026-01-31T06:00:00Z, got {plain(text)!r}"
        ) from error
    start: np.datetime64 = local.tz_convert("UTC").tz_localize(None).to_datetime64().astype("datetime64[ns]")
    return start
