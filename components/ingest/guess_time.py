"""Which column holds the stamps, which tells series apart, and how long a step is."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.errors import choose
from components.dataset.steps import BUSINESS_DAY, DAY_SECONDS, step_seconds, step_text
from components.errors import InputError
from components.ingest.guess_table import GuessTable
from components.ingest.wall_clock import NO_TIME

_TIME_NAME = re.compile(r"time|date|stamp|^ts$|일시|시간|시각|날짜|일자", re.IGNORECASE)
_SERIES_NAME = re.compile(
    r"(^|_|\b)(id|code|ticker|symbol|station|site|series|name|gauge|sensor|item)(\b|_|$)|코드|종목", re.I
)
_STAMP_SHARE = 0.9
# Loggers tick a little early or late: steps this close to a round one are that one.
_JITTER = 0.02
_ROUND_SECONDS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200]
_SECOND = 1_000_000_000
# With fewer rows than this share of the grid, the median step is that of bursts of readings.
_LEAST_COVERAGE = 0.05


@dataclass(frozen=True)
class TimeGuess:
    """Where and when the rows are.

    Attributes:
        time: the column of stamps.
        series: the column that tells series apart, if stamps repeat.
        step: as a dataset file writes it.
        row: [kept] rows of the table that have a stamp, sorted by series and time.
        position: [kept] place of each on one grid of all series; borders of series are rows that no reading is on.
        inside: [grid rows] bool, false on the border rows.
        stamps: [kept] nanoseconds since 1970 by the clock that wrote them.
    """

    time: str
    series: str | None
    step: str
    row: NDArray[np.int64]
    position: NDArray[np.int64]
    inside: NDArray[np.bool_]
    stamps: NDArray[np.int64]

    @property
    def first(self) -> int:
        """Earliest stamp."""
        return int(self.stamps.min())

    @property
    def last(self) -> int:
        """Latest stamp."""
        return int(self.stamps.max())


def guess_time(table: GuessTable, source: str, time: str | None, target: str) -> TimeGuess:
    """Finds the stamps, the series and the step.

    Raises:
        InputError: no column holds stamps, or stamps repeat and no column tells the rows apart.
    """
    name = _given_time(table, source, time) if time else _find_time(table, source, target)
    stamps = table.stamps(name)
    row = np.flatnonzero(stamps != NO_TIME)
    if len(row) < 2:
        raise InputError(source, f"the column '{name}' holds no stamps", "name the column with the stamps by --time")
    series = _find_series(table, source, name, target, stamps[row], row)
    codes = table.codes(series)[row] if series else np.zeros(len(row), np.int64)
    order = np.lexsort((stamps[row], codes))
    row, codes = row[order], codes[order]
    ns = stamps[row]
    step = _find_step(ns, codes)
    position, inside = _positions(ns, codes, step)
    return TimeGuess(name, series, step, row, position, inside, ns)


def _given_time(table: GuessTable, source: str, name: str) -> str:
    if name not in table.names:
        raise InputError(f"{source}: --time", f"there is no column '{name}'", choose(name, table.names))
    return name


def _find_time(table: GuessTable, source: str, target: str) -> str:
    """The column of stamps; one named like time first, and numbers only under such a name."""
    found = [name for name in table.names if name != target and table.stamp_share(name) >= _STAMP_SHARE]
    named = [name for name in found if _TIME_NAME.search(name)]
    texts = [name for name in found if not np.isfinite(table.numbers(name).values).any()]
    if not named and not texts:
        raise InputError(
            source, "no column holds stamps", f"name it by --time; the columns are {', '.join(table.names)}"
        )
    return (named or texts)[0]


def _find_series(
    table: GuessTable, source: str, time: str, target: str, stamps: NDArray[np.int64], row: NDArray[np.int64]
) -> str | None:
    """The column with few values that, with the stamp, names a row; None where stamps hardly repeat."""
    if len(np.unique(stamps)) > 0.9 * len(stamps):
        return None
    found: list[tuple[bool, int, str]] = []
    for name in table.names:
        if name in (time, target):
            continue
        codes = table.codes(name)[row]
        count = int(codes.max()) + 1
        pairs = len(pd.DataFrame({"stamp": stamps, "code": codes}).drop_duplicates())
        if 1 < count <= max(2, len(row) // 10) and pairs >= 0.99 * len(row):
            found.append((not _SERIES_NAME.search(name), count, name))
    if not found:
        fix = "give a table with one row per stamp, or with a column that names the series of each row"
        raise InputError(f"{source}: {time}", "most stamps come more than once", fix)
    return min(found)[2]


def _find_step(ns: NDArray[np.int64], codes: NDArray[np.int64]) -> str:
    """The median time between readings of a series; business days where there is none at a weekend."""
    between = np.diff(ns)[(np.diff(codes) == 0) & (np.diff(ns) > 0)] / _SECOND
    if not len(between):
        return "1d"
    seconds = _round_seconds(float(np.median(between)))
    if seconds == DAY_SECONDS and _only_business_days(ns):
        return BUSINESS_DAY
    covered = len(ns) * seconds / max(float(between.sum()), 1.0)
    if covered < _LEAST_COVERAGE:
        seconds = _round_seconds(float(np.quantile(between, 0.9)))
    return step_text(seconds)


def _round_seconds(seconds: float) -> int:
    days = round(seconds / DAY_SECONDS)
    for candidate in (*_ROUND_SECONDS, days * DAY_SECONDS):
        if candidate and abs(seconds - candidate) <= _JITTER * candidate:
            return candidate
    return max(1, round(seconds))


def _only_business_days(ns: NDArray[np.int64]) -> bool:
    days = np.unique(ns // (DAY_SECONDS * _SECOND))
    # 1970-01-01 was a Thursday.
    return len(days) >= 10 and bool((((days + 3) % 7) < 5).all())


def _positions(
    ns: NDArray[np.int64], codes: NDArray[np.int64], step: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Place of each row on the grid of its series, the grids one after the other with a row between."""
    days = ns // (DAY_SECONDS * _SECOND)
    if step == BUSINESS_DAY:
        tick = np.busday_count(np.datetime64("1970-01-01"), days.astype("datetime64[D]")).astype(np.int64)
    else:
        tick = np.round(ns / (step_seconds(step) * _SECOND)).astype(np.int64)
    starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    lengths = np.diff(np.append(starts, len(ns)))
    spans = tick[starts + lengths - 1] - tick[starts] + 2
    offsets = np.cumsum(spans) - spans
    inside = np.ones(int(spans.sum()), dtype=bool)
    inside[offsets + spans - 1] = False
    return tick - np.repeat(tick[starts] - offsets, lengths), inside
