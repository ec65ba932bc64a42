"""Which cycles of the calendar the target follows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.dataset.steps import DAY_SECONDS, step_seconds
from components.ingest.guess_time import TimeGuess

_HOUR = 3600 * 1_000_000_000
_DAY = 24 * _HOUR
# Two halves of a series without a cycle agree by chance more easily on seven means than on twenty-four.
_LEAST_AGREEMENT_HOURS = 0.6
_LEAST_AGREEMENT_DAYS = 0.85
_LEAST_SHARE = 0.01
_LEAST_CYCLES = 7
_YEARS = 2
# 1970-01-01 was a Thursday.
_EPOCH_WEEKDAY = 3


def guess_calendar(target: NDArray[np.float64], time: TimeGuess) -> tuple[str, ...]:
    """Calendar columns whose means of the target agree between the two halves of the readings.

    Args:
        target: [table rows] readings, NaN for none.
        time: where they are.
    """
    values = target[time.row]
    step = step_seconds(time.step)
    days = (time.last - time.first) / _DAY
    day = time.stamps // _DAY + _EPOCH_WEEKDAY
    names = []
    if step < DAY_SECONDS and days >= _LEAST_CYCLES:
        is_daily = _follows(_less_mean(values, day), time.stamps, time.stamps // _HOUR % 24, _LEAST_AGREEMENT_HOURS)
        names += ["hour_of_day"] if is_daily else []
    if step <= DAY_SECONDS and days >= 7 * _LEAST_CYCLES:
        is_weekly = _follows(_less_mean(values, day // 7), time.stamps, day % 7, _LEAST_AGREEMENT_DAYS)
        names += ["day_of_week"] if is_weekly else []
    if days >= _YEARS * 365:
        names.append("day_of_year")
    return tuple(names)


def _less_mean(values: NDArray[np.float64], cycle: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values less the mean of their cycle, so that slow changes don't hide what repeats within it."""
    number = cycle - cycle.min()
    finite = np.isfinite(values)
    sums = np.bincount(number[finite], values[finite], minlength=number.max() + 1)
    counts = np.bincount(number[finite], minlength=number.max() + 1)
    return np.asarray(values - (sums / np.maximum(counts, 1))[number], dtype=np.float64)


def _follows(
    values: NDArray[np.float64], stamps: NDArray[np.int64], phase: NDArray[np.int64], least_agreement: float
) -> bool:
    finite = np.isfinite(values)
    early = finite & (stamps <= np.median(stamps))
    late = finite & ~early
    first, second = _means(values[early], phase[early]), _means(values[late], phase[late])
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 3 or first[known].std() == 0 or second[known].std() == 0:
        return False
    agreement = float(np.corrcoef(first[known], second[known])[0, 1])
    share = float(((first + second) / 2)[known].var() / values[finite].var())
    return agreement >= least_agreement and share >= _LEAST_SHARE


def _means(values: NDArray[np.float64], phase: NDArray[np.int64]) -> NDArray[np.float64]:
    """[24] mean of the values of each phase, NaN for none."""
    counts = np.bincount(phase, minlength=24)
    sums = np.bincount(phase, values, minlength=24)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
