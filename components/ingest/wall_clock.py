"""Local wall-clock stamps as instants, where clocks are put forward and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
_HALF_HOUR = 1_800_000_000_000
_BLOCK_ROWS = 131_072


@dataclass(frozen=True)
class Instants:
    """Stamps in UTC.

    Attributes:
        utc: [rows] int64 nanoseconds since 1970, NO_TIME where no clock ever showed the stamp.
        skipped: [rows] bool, stamps in the hour that is skipped when clocks are put forward.
    """

    utc: NDArray[np.int64]
    skipped: NDArray[np.bool_]


def localize(wall: NDArray[np.int64], series: NDArray[np.integer], timezone: str) -> Instants:
    """Instants of stamps that say no zone, taken as shown by the clocks of `timezone`.

    When clocks are put back, an hour is shown twice. A stamp that comes twice in a series is first in the first
    of the two hours, then in the second. One that comes once is in the hour of the row before it, or in the
    second if the clock has just gone back; without any such sign it is in the first.

    Args:
        wall: [rows] nanoseconds since 1970 as the clock shows, in the order of the source.
        series: [rows] code of each row's series.
        timezone: IANA name.
    """
    if timezone.upper() in ("UTC", "ETC/UTC", "GMT", "Z"):
        return Instants(wall.copy(), np.zeros(len(wall), dtype=bool))
    utc = np.empty_like(wall)
    twice, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for first in range(0, len(wall), _BLOCK_ROWS):
        clock = pd.DatetimeIndex(wall[first : first + _BLOCK_ROWS].view("datetime64[ns]"))
        one, other = _in_zone(clock, timezone, summer=True), _in_zone(clock, timezone, summer=False)
        utc[first : first + _BLOCK_ROWS] = np.minimum(one, other)
        shown_twice = np.flatnonzero(one != other)
        twice.append(shown_twice + first)
        second.append(np.maximum(one, other)[shown_twice])
    rows = np.concatenate(twice)
    if len(rows):
        later = _in_second_hour(wall[rows], series[rows])
        utc[rows[later]] = np.concatenate(second)[later]
    return Instants(utc, utc == NO_TIME)


def _in_zone(clock: pd.DatetimeIndex, timezone: str, *, summer: bool) -> NDArray[np.int64]:
    flags = np.full(len(clock), summer)
    return clock.tz_localize(timezone, ambiguous=flags, nonexistent="NaT").asi8


def _in_second_hour(wall: NDArray[np.int64], series: NDArray[np.integer]) -> NDArray[np.bool_]:
    keys = pd.DataFrame({"series": series, "wall": wall})
    groups = keys.groupby(["series", "wall"], sort=False)["wall"]
    second_showing = (groups.cumcount() > 0).to_numpy(dtype=bool)
    alone = (groups.transform("size") == 1).to_numpy(dtype=bool)
    later: NDArray[np.bool_] = second_showing
    before: dict[tuple[int, int], tuple[int, bool]] = {}
    for row in range(len(wall)):
        # One repeated hour per series and day: rows of another year's hour tell nothing of this one's.
        group = (int(series[row]), int(wall[row] // 86_400_000_000_000))
        last_wall, was_later = before.get(group, (int(wall[row]), False))
        if alone[row]:
            later[row] = was_later or last_wall - wall[row] >= _HALF_HOUR
        before[group] = (int(wall[row]), bool(later[row]))
    return later
