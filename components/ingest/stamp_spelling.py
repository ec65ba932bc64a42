"""Stamps in the spellings of loggers, spreadsheets and agencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.ingest.wall_clock import NO_TIME

_MONTHS = {
    name: str(number)
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_STAMP = (
    r"^(?P<a>\d{1,4})(?P<sign>[-/.])\s?(?P<b>\d{1,2}|[A-Za-z]{3})[A-Za-z]*[-/.]\s?(?P<c>\d{1,4})\.?"
    r"(?:(?:[Tt]|\s+)(?P<before>AM|PM|am|pm|오전|오후)?\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9})\d*)?)?)?\s*(?P<after>AM|PM|am|pm)?)?"
    r"\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
# Digits alone: year to day, hour, minute or second.
_COMPACT = r"^((?:19|20)\d{2})(\d{2})(\d{2})(?:[T ]?(\d{2})(?:(\d{2})(?:(\d{2}))?)?)?$"
_NANOSECONDS_BY_DIGITS = {9: 10**9, 10: 10**9, 12: 10**6, 13: 10**6, 16: 10**3, 19: 1}
_DAY = 86_400 * 10**9
# Years outside are misread numbers, and near the ends of what 64 bits of nanoseconds hold.
_YEARS = (1800, 2200)


@dataclass
class DateOrder:
    """Whether `03/04/2024` has the day first; None until the source has shown it."""

    day_first: bool | None = None

    def decide(self, first: NDArray[np.float64], second: NDArray[np.float64], sign: str) -> bool:
        """Decides by a number above 12, else by whether the stamps then go forward, else by the sign."""
        if self.day_first is None and len(first):
            if (first > 12).any() or (second > 12).any():
                self.day_first = bool((first > 12).sum() >= (second > 12).sum())
            elif len(first) > 1 and (np.diff(first) != 0).sum() != (np.diff(second) != 0).sum():
                # Days change more often than months.
                self.day_first = bool((np.diff(first) != 0).sum() > (np.diff(second) != 0).sum())
        return sign != "/" if self.day_first is None else self.day_first


@dataclass(frozen=True)
class Spelled:
    """As `Stamps`: nanoseconds since 1970 (NO_TIME where there is none), and whether they are UTC."""

    ns: NDArray[np.int64]
    zoned: NDArray[np.bool_]


def parse_spelled(texts: Any, order: DateOrder) -> Spelled:
    """Reads each text by the spelling that it is in; what is in none has no time."""
    column = texts.to_pandas().astype(object)
    column = column.str.replace(r"\s*[년월]\s*", "-", regex=True).str.replace("일", "", regex=False)
    ns = np.full(len(column), NO_TIME, dtype=np.int64)
    zoned = np.zeros(len(column), dtype=bool)
    for read in (_read_dates, _read_digits):
        open_rows = np.flatnonzero(ns == NO_TIME)
        if not len(open_rows):
            break
        found = read(column.iloc[open_rows].reset_index(drop=True), order)
        ns[open_rows], zoned[open_rows] = found.ns, found.zoned
    return Spelled(ns, zoned)


def _read_dates(column: pd.Series, order: DateOrder) -> Spelled:
    parts = column.str.extract(_STAMP)
    numbers = {name: _number(parts[name]) for name in ("a", "c", "hour", "minute", "second")}
    numbers["b"] = _number(parts["b"].str.lower().map(lambda month: _MONTHS.get(month, month)))
    year_first = (parts["a"].str.len() == 4).to_numpy(dtype=bool)
    named = parts["b"].str.isalpha().eq(True).to_numpy(dtype=bool)
    undecided = ~year_first & ~named & ~np.isnan(numbers["a"])
    sign = str(parts["sign"][undecided].iloc[0]) if undecided.any() else "/"
    day_first = named | order.decide(numbers["a"][undecided], numbers["b"][undecided], sign)
    short = ~year_first & (parts["c"].str.len() == 2).to_numpy(dtype=bool)
    year = np.where(year_first, numbers["a"], numbers["c"])
    year = np.where(short, year + 2000, year)
    month = np.where(year_first | day_first, numbers["b"], numbers["a"])
    day = np.where(year_first, numbers["c"], np.where(day_first, numbers["a"], numbers["b"]))
    days = _days(year, month, day)
    clock = _clock(numbers, parts)
    offset = _offset(parts["zone"])
    good = ~(np.isnan(days) | np.isnan(clock) | np.isnan(offset))
    fraction = _number(parts["part"].str.ljust(9, "0").fillna("0"))
    whole = np.where(good, days * 86_400 + clock - offset, 0).astype(np.int64) * 10**9
    ns = np.where(good, whole + np.where(good, fraction, 0).astype(np.int64), NO_TIME)
    return Spelled(ns, good & parts["zone"].notna().to_numpy(dtype=bool))


def _clock(numbers: dict[str, NDArray[np.float64]], parts: pd.DataFrame) -> NDArray[np.float64]:
    """Seconds since midnight, NaN where no clock shows such a time; 24:00 is the end of the day."""
    half = parts["after"].where(parts["after"].notna(), parts["before"]).str.lower()
    is_pm, is_am = half.isin(["pm", "오후"]).to_numpy(dtype=bool), half.isin(["am", "오전"]).to_numpy(dtype=bool)
    hour, minute, second = (np.nan_to_num(numbers[name]) for name in ("hour", "minute", "second"))
    wrong = (minute > 59) | (second > 59) | (hour > 24) | ((is_am | is_pm) & ((hour > 12) | (hour < 1)))
    wrong |= (hour == 24) & ((minute > 0) | (second > 0))
    hour = np.where(is_am | is_pm, hour % 12 + 12 * is_pm, hour)
    return np.where(wrong, np.nan, hour * 3600 + minute * 60 + second)


def _offset(zone: pd.Series) -> NDArray[np.float64]:
    """Seconds that the zone is ahead of UTC; 0 where none is named, NaN for an impossible one."""
    pieces = zone.str.extract(r"^([+-])(\d{2}):?(\d{2})?$")
    hours, minutes = np.nan_to_num(_number(pieces[1])), np.nan_to_num(_number(pieces[2]))
    seconds = np.where(pieces[0] == "-", -1, 1) * (hours * 3600 + minutes * 60)
    return np.where((hours > 15) | (minutes > 59), np.nan, seconds)


def _days(year: NDArray[np.float64], month: NDArray[np.float64], day: NDArray[np.float64]) -> NDArray[np.float64]:
    """Days since 1970-01-01, NaN where there is no such day."""
    good = (year >= _YEARS[0]) & (year < _YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("int64").astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    length = (months + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64) - first
    return np.where(good & (day <= length), first + day - 1, np.nan)


def _read_digits(column: pd.Series, order: DateOrder) -> Spelled:
    """Stamps of digits alone: a date and time run together, else the time since 1970 by its length."""
    del order
    pieces = column.str.extract(_COMPACT)
    year, month, day, hour, minute, second = (_number(pieces[index]) for index in range(6))
    hour, minute, second = np.nan_to_num(hour), np.nan_to_num(minute), np.nan_to_num(second)
    days = _days(year, month, day)
    good = ~np.isnan(days) & (hour < 24) & (minute < 60) & (second < 60)
    seconds = np.where(good, np.nan_to_num(days) * 86_400 + hour * 3600 + minute * 60 + second, 0)
    epoch = _read_epoch(column)
    ns = np.where(good, seconds.astype(np.int64) * 10**9, epoch)
    return Spelled(ns, ~good & (epoch != NO_TIME))


def _read_epoch(column: pd.Series) -> NDArray[np.int64]:
    pieces = column.str.extract(r"^(\d{9,10}|\d{12,13}|\d{16}|\d{19})(?:\.(\d{1,9})\d*)?$")
    good = pieces[0].notna().to_numpy(dtype=bool)
    unit = pieces[0].str.len().map(_NANOSECONDS_BY_DIGITS).fillna(0).to_numpy(dtype=np.int64)
    digits = pieces[0].fillna("0").to_numpy(dtype=object)
    number = np.array([int(text) for text in digits], dtype=np.uint64)
    inside = good & (number < np.uint64(9_200_000_000) * np.maximum(10**9 // np.maximum(unit, 1), 1).astype(np.uint64))
    fraction = np.nan_to_num(_number("0." + pieces[1].fillna("0")))
    ns = np.where(inside, number, 0).astype(np.int64) * unit + (fraction * unit).astype(np.int64)
    return np.where(inside, ns, NO_TIME)


def _number(texts: pd.Series) -> NDArray[np.float64]:
    return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
