"""The newest readings of a file, as a question to the forecaster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from components.dataset.schema import Dataset, Melt
from components.ingest.clean import CleanReadings, clean_tables
from components.ingest.intake import wanted_columns
from components.ingest.quarantine import REASONS, Fault
from serving.live.tail import read_tail

FIRST_BYTES = 1 << 18
MAX_BYTES = 1 << 28
HISTORY = pd.Timedelta(hours=24)
_PHASE_STEPS = 100
_DUPLICATE = REASONS[Fault.DUPLICATE]
_WEEK_DAYS, _BUSINESS_DAYS = 7, 5


@dataclass(frozen=True)
class Newest:
    """What a file says last.

    Attributes:
        frame: raw readings, as callers send them.
        problem: rows that could not be used, in words; empty where all could.
        torn: whether a last line without an end was left out.
    """

    frame: pd.DataFrame
    problem: str
    torn: bool


def newest_readings(dataset: Dataset, path: Path, history: pd.Timedelta) -> Newest:
    """Readings of the last `history` before the newest reading of the target, or of a window where that is longer.

    Raises:
        InputError: the file can't be read, or isn't of this dataset.
    """
    wanted, size = max(history, needed_span(dataset)), FIRST_BYTES
    while True:
        tail = read_tail(path, wanted_columns(dataset), size)
        cleaned = clean_tables(dataset, tail.tables)
        if tail.whole or size >= MAX_BYTES or _span(dataset, cleaned.readings) > wanted:
            break
        size *= 4
    frame = _since(dataset, cleaned.readings, wanted)
    return Newest(_as_sent(dataset, frame), _problem(cleaned, len(frame)), tail.torn)


def needed_span(dataset: Dataset) -> pd.Timedelta:
    """Time that a window can need: its steps, what is filled or judged by earlier ones, and what shows the phase."""
    columns = dataset.columns.values()
    before = max(max(column.missing.max_gap, column.stuck or 0) for column in columns)
    steps = dataset.window + before + _PHASE_STEPS
    if dataset.is_business_day:
        steps = steps * _WEEK_DAYS // _BUSINESS_DAYS + _WEEK_DAYS
    return pd.Timedelta(seconds=steps * dataset.step_seconds)


def _span(dataset: Dataset, readings: pd.DataFrame) -> pd.Timedelta:
    last = _last(dataset, readings)
    return pd.Timedelta(0) if last is None else last - readings["time"].min()


def _last(dataset: Dataset, readings: pd.DataFrame) -> pd.Timestamp | None:
    read = readings.loc[readings[dataset.target].notna(), "time"]
    return None if read.empty else read.max()


def _since(dataset: Dataset, readings: pd.DataFrame, span: pd.Timedelta) -> pd.DataFrame:
    last = _last(dataset, readings)
    return readings if last is None else readings[readings["time"] >= last - span]


def _as_sent(dataset: Dataset, readings: pd.DataFrame) -> pd.DataFrame:
    if isinstance(dataset.series, Melt):
        return _widened(dataset, dataset.series, readings)
    named = readings.rename(columns={"time": dataset.time})
    if dataset.series_column is None:
        return named.drop(columns="series")
    return named.rename(columns={"series": dataset.series_column})


def _widened(dataset: Dataset, melt: Melt, readings: pd.DataFrame) -> pd.DataFrame:
    wide = readings.pivot(index="time", columns="series", values=melt.into).reindex(columns=list(melt.melt))
    others = [name for name in dataset.columns if name != melt.into]
    shared = readings.drop_duplicates("time").set_index("time")[others]
    return wide.join(shared).reset_index().rename(columns={"time": dataset.time})


def _problem(cleaned: CleanReadings, used: int) -> str:
    found = cleaned.quarantine
    # What lies before the rows that are used is past, and a row sent twice harms nobody.
    wrong = (found["kind"] == "row") & (found["reason"] != _DUPLICATE) & (found["row"] > cleaned.rows_in - used)
    rows = found[wrong]
    if not len(rows):
        return ""
    last = rows.iloc[-1]
    count = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    return f"{count} among the last can't be used: {last['reason']}"
