"""The regular grid of stamps that readings are laid on.

A stamp t stands for the readings in (previous stamp, t]. Steps shorter than a day are counted in UTC; days and
business days are counted on the wall clock of the dataset's time zone, so that a day keeps its date when clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Dataset

Stamps = NDArray[np.datetime64]
Slots = NDArray[np.int64]

DAY_SECONDS = 86_400
_SECOND = 1_000_000_000
_DAY = DAY_SECONDS * _SECOND
_WEEK_DAYS, _BUSINESS_DAYS = 7, 5
# Day 0 of the epoch is a Thursday; weeks are counted from the Monday before it.
_EPOCH_WEEKDAY = 3
# So many first readings say where within a step the readings of a series lie.
_PHASE_READINGS = 100


@dataclass(frozen=True)
class Grid:
    """Numbers stamps: slot 0, 1, 2 ... are one step apart.

    Attributes:
        step_seconds: length of a step; of a business day 86,400.
        business_days: whether Saturdays and Sundays are left out.
        timezone: where days begin.
        phase: nanoseconds by which stamps lie after whole steps.
    """

    step_seconds: int
    business_days: bool
    timezone: str
    phase: int = 0

    @property
    def on_wall_clock(self) -> bool:
        """Whether steps are whole days of local time."""
        return self.step_seconds % DAY_SECONDS == 0

    @property
    def season(self) -> int:
        """Steps of a day where steps are shorter, else of a week; 1 where steps are longer than a week's half."""
        if self.business_days:
            return _BUSINESS_DAYS
        period = DAY_SECONDS if self.step_seconds < DAY_SECONDS else _WEEK_DAYS * DAY_SECONDS
        return max(1, round(period / self.step_seconds))

    def slots(self, stamps: Stamps) -> Slots:
        """Slot of the stamp that each reading belongs to; readings in order of time stay in order."""
        ticks = self._ticks(stamps)
        ticks -= self.phase
        if not self.business_days:
            # Rounded up, in place.
            slots = np.negative(ticks, out=ticks)
            slots //= self.step_seconds * _SECOND
            np.negative(slots, out=slots)
        else:
            week, day = np.divmod(-(-ticks // _DAY) + _EPOCH_WEEKDAY, _WEEK_DAYS)
            slots = np.where(day < _BUSINESS_DAYS, week * _BUSINESS_DAYS + day, (week + 1) * _BUSINESS_DAYS)
        # On the wall clock an hour comes twice in autumn.
        return np.maximum.accumulate(slots) if self.on_wall_clock else slots

    def stamps(self, slots: Slots) -> Stamps:
        """UTC stamps of slots, datetime64[ns]."""
        if self.business_days:
            week, day = np.divmod(slots, _BUSINESS_DAYS)
            ticks = (week * _WEEK_DAYS + day - _EPOCH_WEEKDAY) * _DAY
        else:
            ticks = slots * (self.step_seconds * _SECOND)
        ticks += self.phase
        return self._stamps_of(ticks)

    def _ticks(self, stamps: Stamps) -> Slots:
        if not self.on_wall_clock:
            return stamps.astype("datetime64[ns]", copy=False).astype(np.int64)
        return local_ticks(stamps, self.timezone)

    def _stamps_of(self, ticks: Slots) -> Stamps:
        stamps = ticks.view("datetime64[ns]")
        if not self.on_wall_clock or self.timezone == "UTC":
            return stamps
        wall = pd.DatetimeIndex(stamps)
        first_time = np.ones(len(wall), np.bool_)
        utc = wall.tz_localize(self.timezone, ambiguous=first_time, nonexistent="shift_forward").tz_convert("UTC")
        return utc.tz_localize(None).to_numpy()


def grid_of(dataset: Dataset, stamps: Stamps) -> Grid:
    """The grid of one series, in phase with its readings.

    Where more than half of the first 100 readings lie at the same place within a step (each day at 16:00, each hour
    at half past), so do the stamps; else stamps are whole steps.
    """
    grid = Grid(dataset.step_seconds, dataset.is_business_day, dataset.timezone)
    first = grid._ticks(stamps[:_PHASE_READINGS])
    if len(first) == 0:
        return grid
    phases, counts = np.unique(first % (grid.step_seconds * _SECOND), return_counts=True)
    shared = int(phases[counts.argmax()]) if 2 * counts.max() > len(first) else 0
    return Grid(grid.step_seconds, grid.business_days, grid.timezone, shared)


def stamps_after(dataset: Dataset, origin: np.datetime64, horizons: tuple[int, ...]) -> Stamps:
    """Stamps that lie `horizons` steps after a grid stamp: [horizons] datetime64[ns], UTC."""
    stamp = np.array([origin], "datetime64[ns]")
    grid = grid_of(dataset, stamp)
    return grid.stamps(grid.slots(stamp) + np.asarray(horizons, np.int64))


def local_ticks(stamps: Stamps, timezone: str) -> Slots:
    """Nanoseconds of the wall clock since 1970-01-01 00:00 of local time."""
    ticks = stamps.astype("datetime64[ns]")
    if timezone != "UTC":
        ticks = pd.DatetimeIndex(ticks).tz_localize("UTC").tz_convert(timezone).tz_localize(None).to_numpy()
    return ticks.astype("datetime64[ns]").astype(np.int64)
