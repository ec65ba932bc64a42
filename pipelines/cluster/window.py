"""When runs start: a local time, on the clock that Kubeflow Pipelines' controller has.

The controller reads cron in one zone (its environment's CRON_SCHEDULE_TIMEZONE, UTC by itself) and knows no other, so a
local time is moved to that zone with today's difference. Where the clocks change, it is off until it is submitted anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from components.dataset.errors import nearest
from components.errors import InputError
from pipelines.cluster.cron import Cron, move_cron, parse_cron

_WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_LOOK_AHEAD_DAYS = 366


@dataclass(frozen=True)
class Window:
    """Hours of each day in which runs may work; the end may lie on the next day."""

    start: time
    end: time

    def opens(self, day: date, zone: ZoneInfo) -> datetime:
        """The instant in UTC at which it opens on a day; a time that the clocks skip is taken as if they didn't."""
        return datetime.combine(day, self.start, zone).astimezone(UTC)

    def closes(self, day: date, zone: ZoneInfo) -> datetime:
        """The instant in UTC at which the window that opens on a day closes."""
        last = day if self.end > self.start else day + timedelta(days=1)
        return datetime.combine(last, self.end, zone).astimezone(UTC)

    def shortest(self, zone: ZoneInfo, since: date) -> timedelta:
        """The least time that it is open in the year to come: an hour less where clocks go forward in it."""
        days = (since + timedelta(days=ahead) for ahead in range(_LOOK_AHEAD_DAYS))
        return min(self.closes(day, zone) - self.opens(day, zone) for day in days)


@dataclass(frozen=True)
class Change:
    """From `day` on, the first start of a day is at the local time `start`."""

    day: date
    start: time


@dataclass(frozen=True)
class Schedule:
    """When a recurring run starts.

    Attributes:
        cron: six fields, in the controller's zone.
        said: what was asked for, in `zone`.
        zone: of the person who asked.
        controller: zone of the controller.
        first: when it starts first, in UTC.
        changes: when clocks change in the year to come, and what that does.
        open_for: how long a window is open at least; None for a schedule without an end.
    """

    cron: str
    said: str
    zone: str
    controller: str
    first: datetime
    changes: tuple[Change, ...] = ()
    open_for: timedelta | None = None


def parse_window(text: str) -> Window:
    """The window in a text like `22:00-06:00`.

    Raises:
        InputError: there is none.
    """
    match = _WINDOW.fullmatch(text.strip())
    try:
        window = Window(*(time(int(match[i]), int(match[i + 1])) for i in (1, 3))) if match else None
    except ValueError:
        window = None
    if window is None:
        raise InputError(f"--window {text}", "is no window", "write it as 22:00-06:00")
    if window.start == window.end:
        raise InputError(f"--window {text}", "ends when it starts", "leave some time between the two")
    return window


def find_zone(name: str, option: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        InputError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        near = nearest(name, available_timezones())
        fix = f"did you mean {near}?" if near else "give a name such as Asia/Seoul"
        raise InputError(f"{option} {name}", "there is no such time zone", fix) from None


def schedule_of_window(window: Window, zone: ZoneInfo, controller: ZoneInfo, now: datetime) -> Schedule:
    """Starts each day when the window opens."""
    cron = Cron((window.start.second,), (window.start.minute,), (window.start.hour,), None, None, None)
    said = f"{window.start:%H:%M}-{window.end:%H:%M}"
    open_for = window.shortest(zone, now.astimezone(zone).date())
    return _schedule(cron, said, (zone, controller), now, open_for)


def schedule_of_cron(text: str, zone: ZoneInfo, controller: ZoneInfo, now: datetime) -> Schedule:
    """Starts when a cron expression of six fields says.

    Raises:
        InputError: it is wrong, or can't be said in the controller's zone.
    """
    return _schedule(parse_cron(text, "--schedule"), text, (zone, controller), now, None)


def _schedule(
    cron: Cron, said: str, zones: tuple[ZoneInfo, ZoneInfo], now: datetime, open_for: timedelta | None
) -> Schedule:
    zone, controller = zones
    first = next(cron.starts(zone, now))
    moved = move_cron(cron, _ahead(zone, controller, first), "--schedule")
    return Schedule(
        cron=str(moved),
        said=said,
        zone=zone.key,
        controller=controller.key,
        first=first,
        changes=tuple(_changes(cron, zones, first)),
        open_for=open_for,
    )


def _ahead(zone: ZoneInfo, other: ZoneInfo, instant: datetime) -> int:
    """Minutes by which the clocks of `other` are ahead of those of `zone`."""
    local, there = instant.astimezone(zone).utcoffset(), instant.astimezone(other).utcoffset()
    return round(((there or timedelta()) - (local or timedelta())).total_seconds() / 60)


def _changes(cron: Cron, zones: tuple[ZoneInfo, ZoneInfo], first: datetime) -> list[Change]:
    zone, controller = zones
    begin = _ahead(zone, controller, first)
    before, found = begin, []
    earliest = cron.times()[0]
    for ahead in range(_LOOK_AHEAD_DAYS):
        start = first + timedelta(days=ahead)
        now = _ahead(zone, controller, start)
        if now != before:
            moved = datetime.combine(start.date(), earliest) + timedelta(minutes=begin - now)
            found.append(Change(start.astimezone(zone).date(), moved.time()))
            before = now
    return found
