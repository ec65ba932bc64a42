"""Raw readings of a request, checked and cleaned by the code that cleans readings for training."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.dataset.schema import Dataset, Melt
from components.errors import InputError
from components.ingest.clean import CleanReadings, clean_readings
from components.ingest.intake import wanted_columns
from components.ingest.quarantine import REASONS, Fault
from serving.forecasts import Refusal
from serving.server.errors import RequestError, TooLargeError
from serving.transformer.errors import UnusableReadings

# A year of readings each three minutes; cleaning them takes about a second.
MAX_ROWS = 200_000
SERIES = "series"
_ROWS_IN_NOTE = 3
_FIRST_STAMP, _LAST_STAMP = pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
_UNREADABLE, _NO_SERIES = REASONS[Fault.UNREADABLE_TIME], REASONS[Fault.NO_SERIES]


@dataclass(frozen=True)
class UsableReadings:
    """What is left of the readings of a request.

    Attributes:
        dataset: by which they were read.
        readings: `series`, `time` (UTC) and the dataset's columns, by series and time.
        refused: series that the model doesn't know.
        notes: what was set aside, or not used.
    """

    dataset: Dataset
    readings: pd.DataFrame
    refused: tuple[Refusal, ...]
    notes: tuple[str, ...]


def usable_readings(dataset: Dataset, frame: pd.DataFrame, known: Sequence[str] | None) -> UsableReadings:
    """Cleans the raw readings of a request.

    Args:
        dataset: of the version that will answer.
        frame: raw: the dataset's time column, its series column where it has one, its columns; any order.
        known: names of the series that may be asked for; None for any.

    Raises:
        RequestError: a column is missing, a stamp can't be read, a row names no series, or there are too many rows.
        UnusableReadings: no reading that could be used is left.
    """
    if len(frame) > MAX_ROWS:
        raise TooLargeError(f"expected at most {MAX_ROWS} readings in one request, got {len(frame)}: send fewer series")
    named = _with_series_column(dataset, frame)
    table = _with_columns(named, frame)
    try:
        cleaned = clean_readings(named, table)
    except InputError as error:
        raise RequestError(f"{error.problem}; {error.fix}") from error
    _require_readable(named, cleaned)
    _require_possible_years(cleaned)
    readings, refused = _of_known_series(cleaned.readings, known)
    notes = (*_unused_columns(named, frame), *_set_aside(cleaned))
    if readings.empty:
        raise UnusableReadings(refused or [_nothing_left(dataset, cleaned, notes)])
    return UsableReadings(dataset, readings, refused, notes)


def check_units(dataset: Dataset, units: Mapping[str, str]) -> None:
    """Raises RequestError where the caller's unit of a column isn't the dataset's."""
    for name, unit in units.items():
        column = dataset.columns.get(name)
        if column is None:
            raise RequestError(
                f"units name {name!r}, which is no column of the model{_did_you_mean(name, dataset.columns)}"
            )
        if unit != column.unit:
            wanted = repr(column.unit) if column.unit else "a number without unit"
            raise RequestError(
                f"{name} is given in {unit!r}, while the model takes {wanted}: convert the readings first"
            )


def _with_series_column(dataset: Dataset, frame: pd.DataFrame) -> Dataset:
    """A dataset of one series whose readings carry names is read as a panel, so that no other series slips in."""
    if dataset.is_panel or SERIES in dataset.columns or SERIES not in frame.columns:
        return dataset
    return dataset.model_copy(update={"series": SERIES})


def _with_columns(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    present = [str(name) for name in frame.columns]
    wanted = wanted_columns(dataset)
    absent = [name for name in wanted if name not in present]
    melted = set(dataset.series.melt) if isinstance(dataset.series, Melt) else set()
    # Of a wide table only the series that are asked for are needed.
    optional = [name for name in absent if name in melted] if melted & set(present) else []
    missing = [name for name in absent if name not in optional]
    if missing:
        raise RequestError(_missing(missing, [name for name in present if name not in wanted]))
    table = frame if len(wanted) == len(present) else frame[[name for name in wanted if name not in optional]]
    return table.assign(**dict.fromkeys(optional, np.nan)) if optional else table


def _missing(missing: Sequence[str], spare: Sequence[str]) -> str:
    first = missing[0]
    others = f" (nor {', '.join(missing[1:])})" if len(missing) > 1 else ""
    return f"the readings have no {first!r}{others}{_did_you_mean(first, spare)}"


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    by_case = {other.casefold(): other for other in names}
    near = next(iter(difflib.get_close_matches(name.casefold(), by_case, n=1)), None)
    if near is not None:
        return f": did you mean {by_case[near]!r}?"
    listed = ", ".join(list(by_case.values())[:20])
    return f": choose from {listed}" if listed else ": add it"


def _require_readable(dataset: Dataset, cleaned: CleanReadings) -> None:
    if not len(cleaned.quarantine):
        return
    rows = cleaned.quarantine[cleaned.quarantine["kind"] == "row"]
    unread = rows[rows["reason"] == _UNREADABLE]
    if len(unread):
        raise RequestError(
            f"{dataset.time} of reading {unread['row'].iloc[0]} is {str(unread['value'].iloc[0])[:40]!r}, which is no "
            f"time{_and_more(unread)}: write it as ISO 8601, such as 2026-01-01T00:00:00Z"
        )
    nameless = rows[rows["reason"] == _NO_SERIES]
    if len(nameless):
        raise RequestError(
            f"reading {nameless['row'].iloc[0]} has no {dataset.series}{_and_more(nameless)}: say which series it is of"
        )


def _and_more(rows: pd.DataFrame) -> str:
    return f" (nor in {len(rows) - 1} more)" if len(rows) > 1 else ""


def _require_possible_years(cleaned: CleanReadings) -> None:
    times = cleaned.readings["time"]
    if len(times) and (times.min() < _FIRST_STAMP or times.max() >= _LAST_STAMP):
        odd = times.min() if times.min() < _FIRST_STAMP else times.max()
        raise RequestError(
            f"a reading is of {odd:%Y-%m-%d}: expected times from {_FIRST_STAMP:%Y} to {_LAST_STAMP:%Y}; numbers are "
            "taken as seconds or milliseconds since 1970"
        )


def _of_known_series(readings: pd.DataFrame, known: Sequence[str] | None) -> tuple[pd.DataFrame, tuple[Refusal, ...]]:
    if known is None:
        return readings, ()
    names = set(known)
    unknown = [name for name in readings[SERIES].unique() if name not in names]
    if not unknown:
        return readings, ()
    refused = tuple(Refusal(name, "the model knows no such series", _series_fix(name, known)) for name in unknown)
    return readings[readings[SERIES].isin(names)], refused


def _series_fix(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    listed = ", ".join(known[:10])
    return f"choose from {listed}{f' and {len(known) - 10} more' if len(known) > 10 else ''}"


def _unused_columns(dataset: Dataset, frame: pd.DataFrame) -> tuple[str, ...]:
    wanted = set(wanted_columns(dataset))
    unused = [str(name) for name in frame.columns if str(name) not in wanted]
    if not unused:
        return ()
    more = f" and {len(unused) - 10} more" if len(unused) > 10 else ""
    return (f"not used by the model: {', '.join(name[:40] for name in unused[:10])}{more}",)


def _set_aside(cleaned: CleanReadings) -> tuple[str, ...]:
    """One note for each kind of fault, with the first rows that have it."""
    found = cleaned.quarantine
    if not len(found):
        return ()
    notes = []
    for (kind, column, reason), rows in found.groupby(["kind", "column", "reason"], sort=True):
        shown = ", ".join(map(str, rows["row"].iloc[:_ROWS_IN_NOTE]))
        where = f"reading {shown}{', ...' if len(rows) > _ROWS_IN_NOTE else ''}"
        what = "not used" if kind == "row" else f"{column} emptied"
        notes.append(f"{len(rows)} x {what} ({where}): {reason}")
    return tuple(notes[:20])


def _nothing_left(dataset: Dataset, cleaned: CleanReadings, notes: Sequence[str]) -> Refusal:
    why = f" ({notes[-1]})" if notes else ""
    return Refusal(
        dataset.name,
        f"none of {cleaned.rows_in} readings can be used{why}",
        f"give at least {dataset.window} steps of {dataset.step} of readings of {', '.join(dataset.columns)}",
    )
