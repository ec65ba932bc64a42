"""Raw readings to the windows that the servable takes, and which series have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.preprocess.last_window import LastWindow, cut_last_windows
from serving.forecasts import Refusal, utc_text
from serving.server.arrays import Arrays
from serving.server.errors import RequestError, TooLargeError
from serving.server.signature import MAX_BATCH
from serving.transformer.errors import UnusableReadings
from serving.transformer.readings import check_units, usable_readings

# Rows of all grids together; a row of 12 columns takes 48 bytes, and some more while it is made.
MAX_GRID_ROWS = 2_000_000
_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class Terms:
    """On which terms readings are taken.

    Attributes:
        known: names of the series that may be asked for; None for any.
        units: the caller's unit of each column.
        max_age_seconds: a last reading older than this is refused, and one of the future; None takes any.
        now: seconds since 1970.
    """

    known: tuple[str, ...] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    max_age_seconds: float | None = None
    now: float = 0.0


@dataclass(frozen=True)
class Cut:
    """What a request's readings give.

    Attributes:
        windows: one for each series that can be forecast, at least one.
        inputs: the servable's, [windows, ...] by name.
        readings: cleaned.
        refused: the other series.
        notes: what was set aside, or not used, of the readings.
    """

    windows: tuple[LastWindow, ...]
    inputs: Arrays
    readings: pd.DataFrame
    refused: tuple[Refusal, ...]
    notes: tuple[str, ...]


def cut_windows(dataset: Dataset, frame: pd.DataFrame, terms: Terms) -> Cut:
    """Cleans raw readings, lays them on the grid and cuts the last window of each series.

    Raises:
        RequestError: the readings aren't the dataset's: a column is missing, a unit is another, a time can't be read.
        UnusableReadings: no series has a window.
    """
    check_units(dataset, terms.units)
    usable = usable_readings(dataset, frame, terms.known)
    _check_grid_rows(dataset, usable.readings)
    cut = cut_last_windows(dataset, usable.readings)
    refused = [
        Refusal(name, error.problem, error.fix) for name, error in zip(cut.refused_series, cut.refused, strict=True)
    ]
    stale = {window.series: refusal for window in cut.windows if (refusal := _stale(dataset, window, terms))}
    windows = tuple(window for window in cut.windows if window.series not in stale)
    everything = (*usable.refused, *refused, *stale.values())
    if not windows:
        raise UnusableReadings(everything)
    if len(windows) > MAX_BATCH:
        raise TooLargeError(f"expected at most {MAX_BATCH} series in one request, got {len(windows)}: send fewer")
    notes = (*usable.notes, *_ahead(windows, terms.now))
    return Cut(windows, _inputs(windows), usable.readings, everything, notes)


def _inputs(windows: Sequence[LastWindow]) -> Arrays:
    inputs = {"window": np.stack([window.values for window in windows])}
    futures = [window.future for window in windows if window.future is not None]
    return {**inputs, "future": np.stack(futures)} if futures else inputs


def _stale(dataset: Dataset, window: LastWindow, terms: Terms) -> Refusal | None:
    """Why a window is too old, or of the future; a stamp lies up to one step after the reading that it stands for."""
    if terms.max_age_seconds is None:
        return None
    age = terms.now - _epoch(window.origin)
    what = f"the last reading of {dataset.target} is of {utc_text(window.origin)}"
    if age > terms.max_age_seconds:
        return Refusal(
            window.series,
            f"{what}, {age:.0f} s ago, while at most {terms.max_age_seconds:g} s are accepted",
            f"give newer readings of {dataset.target}, or a larger max_age_seconds",
        )
    if age < -dataset.step_seconds:
        return Refusal(
            window.series,
            f"{what}, {-age:.0f} s after this server's clock",
            "write times in UTC (2026-01-01T00:00:00Z), or with their offset, and check the logger's clock",
        )
    return None


def _ahead(windows: Sequence[LastWindow], now: float) -> tuple[str, ...]:
    ahead = max(_epoch(window.origin) for window in windows) - now
    return (f"the newest reading is {ahead:.0f} s ahead of this server's clock",) if ahead > 86_400 else ()


def _epoch(stamp: np.datetime64) -> float:
    return float((stamp - np.datetime64(0, "s")) / _SECOND)


def _check_grid_rows(dataset: Dataset, readings: pd.DataFrame) -> None:
    """Readings far apart would fill memory with empty rows: each gap is kept up to a window, a fill and a season."""
    stamps: NDArray[np.int64] = readings["time"].to_numpy("datetime64[ns]").astype("datetime64[s]").astype(np.int64)
    steps = np.diff(stamps // dataset.step_seconds)
    longest_fill = max(column.missing.max_gap for column in dataset.columns.values())
    season = max(1, 86_400 // dataset.step_seconds)
    spike = dataset.spike.within if dataset.spike else 0
    kept = longest_fill + dataset.window + max(*dataset.horizons, spike) + season
    rows = int(np.clip(steps, 0, kept).sum()) + 1
    if rows > MAX_GRID_ROWS:
        needed = dataset.window + longest_fill
        raise RequestError(
            f"{len(readings)} readings lie so far apart that they fill {rows} steps of {dataset.step}: send the last "
            f"{needed} steps of each series"
        )
