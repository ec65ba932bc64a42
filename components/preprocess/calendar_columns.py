"""Calendar columns: where a stamp lies in its hour, day, week, month and year, by the local clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import CalendarName
from components.preprocess.grid import local_ticks

_MINUTE, _HOUR, _DAY = 60 * 1_000_000_000, 3_600 * 1_000_000_000, 86_400 * 1_000_000_000
_EPOCH_WEEKDAY = 3


def calendar_column(name: CalendarName, stamps: NDArray[np.datetime64], timezone: str) -> NDArray[np.float32]:
    """One calendar column of UTC stamps: [rows] float32, fractions included.

    minute_of_hour lies in [0, 60), hour_of_day in [0, 24), day_of_week in [0, 7) from Monday 0:00, day_of_month in
    1..31 (whole days), day_of_year in [0, 366) from 1 January 0:00.
    """
    ticks = local_ticks(stamps, timezone)
    days = ticks.astype("datetime64[ns]").astype("datetime64[D]")
    match name:
        case "minute_of_hour":
            value = (ticks % _HOUR) / _MINUTE
        case "hour_of_day":
            value = (ticks % _DAY) / _HOUR
        case "day_of_week":
            value = ((ticks + _EPOCH_WEEKDAY * _DAY) % (7 * _DAY)) / _DAY
        case "day_of_month":
            value = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.float64) + 1
        case "day_of_year":
            year = days.astype("datetime64[Y]").astype("datetime64[ns]").astype(np.int64)
            value = (ticks - year) / _DAY
    return value.astype(np.float32)
