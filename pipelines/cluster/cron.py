"""Cron expressions of six fields, as Kubeflow Pipelines' controller reads them, and the same in another zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from components.errors import InputError

_NAMES = ("second", "minute", "hour", "day of the month", "month", "day of the week")
_BORDERS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_PART = re.compile(r"(?P<from>\*|\?|\w+)(-(?P<to>\w+))?(/(?P<step>\d+))?")
# The 29th of February may be eight years away.
_LONGEST_WAIT_DAYS = 366 * 9
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class Cron:
    """When something starts; a field is None where it says `*` or `?`.

    Attributes:
        seconds: of the minute.
        minutes: of the hour.
        hours: of the day.
        days: of the month.
        months: of the year.
        weekdays: 0 for Sunday to 6.
    """

    seconds: tuple[int, ...] | None
    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None

    def __str__(self) -> str:
        fields = (self.seconds, self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join("*" if values is None else ",".join(map(str, values)) for values in fields)

    @property
    def any_day(self) -> bool:
        """Whether it starts on every day."""
        return self.days is None and self.months is None and self.weekdays is None

    def times(self) -> tuple[time, ...]:
        """The minutes of a day at which it starts."""
        hours = range(24) if self.hours is None else self.hours
        minutes = range(60) if self.minutes is None else self.minutes
        second = 0 if self.seconds is None else self.seconds[0]
        return tuple(time(hour, minute, second) for hour in hours for minute in minutes)

    def on(self, day: date) -> bool:
        """Whether it starts on a day; with both kinds of day given, either will do."""
        if self.months is not None and day.month not in self.months:
            return False
        weekday = day.isoweekday() % 7
        of_month = self.days is not None and day.day in self.days
        of_week = self.weekdays is not None and weekday in self.weekdays
        if self.days is None or self.weekdays is None:
            return (self.days is None or of_month) and (self.weekdays is None or of_week)
        return of_month or of_week

    def starts(self, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        """Instants in UTC at which it starts if its fields are times of a zone; the first of them after `after`."""
        first = after.astimezone(zone).date()
        for ahead in range(-1, _LONGEST_WAIT_DAYS):
            day = first + timedelta(days=ahead)
            if not self.on(day):
                continue
            for moment in self.times():
                instant = datetime.combine(day, moment, zone).astimezone(UTC)
                if instant > after:
                    yield instant


def parse_cron(text: str, origin: str) -> Cron:
    """The expression in a text.

    Raises:
        InputError: it is none, or never starts.
    """
    fields = text.split()
    if len(fields) != len(_NAMES):
        # The five fields of crontab are the common mistake: KFP's begin with the second.
        fix = f'write "0 {text}"' if len(fields) == 5 else "write: second minute hour day month weekday"
        raise InputError(f'{origin} "{text}"', f"has {len(fields)} fields instead of 6", fix)
    values = [_field(field, index, origin) for index, field in enumerate(fields)]
    cron = Cron(*values)
    if next(cron.starts(ZoneInfo("UTC"), datetime.now(UTC)), None) is None:
        raise InputError(f'{origin} "{text}"', "never starts", "mend the day and the month")
    return cron


def move_cron(cron: Cron, minutes: int, origin: str) -> Cron:
    """The same starts on a clock that is so many minutes ahead.

    Raises:
        InputError: six fields can't say that.
    """
    if minutes == 0:
        return cron
    moved = [moment.hour * 60 + moment.minute + minutes for moment in cron.times()]
    days = {total // _MINUTES_A_DAY for total in moved}
    left = {total % _MINUTES_A_DAY for total in moved}
    hours = tuple(sorted({total // 60 for total in left}))
    small = tuple(sorted({total % 60 for total in left}))
    if len(hours) * len(small) != len(left):
        raise InputError(f'{origin} "{cron}"', "can't be said in the controller's zone", "give one minute of the hour")
    result = replace(cron, hours=None if len(hours) == 24 else hours, minutes=None if len(small) == 60 else small)
    if days == {0} or cron.any_day:
        return result
    if cron.days is not None or cron.months is not None or len(days) > 1:
        raise InputError(
            f'{origin} "{cron}"',
            "starts on another day in the controller's zone, which these fields can't say",
            "give days of the week and one hour, or say it in the controller's zone with --timezone",
        )
    [shift] = days
    return replace(result, weekdays=tuple(sorted((day + shift) % 7 for day in cron.weekdays or ())))


def _field(text: str, index: int, origin: str) -> tuple[int, ...] | None:
    low, high = _BORDERS[index]
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if not match:
            raise _wrong(text, index, origin)
        if match["from"] in "*?" and not match["step"]:
            return None
        found.update(_range(match, index, text, origin))
    return None if len(found) == high - low + 1 else tuple(sorted(found))


def _range(match: re.Match[str], index: int, text: str, origin: str) -> range:
    low, high = _BORDERS[index]
    step = int(match["step"] or 1)
    if match["from"] in "*?":
        first, last = low, high
    else:
        first = _number(match["from"], index, text, origin)
        last = _number(match["to"], index, text, origin) if match["to"] else high if match["step"] else first
    if step < 1 or first > last:
        raise _wrong(text, index, origin)
    return range(first, last + 1, step)


def _number(word: str, index: int, text: str, origin: str) -> int:
    names = {4: _MONTHS, 5: _DAYS}.get(index, [])
    low, high = _BORDERS[index]
    if word.lower() in names:
        return names.index(word.lower()) + low
    if not word.isdigit() or not low <= int(word) <= high:
        raise _wrong(text, index, origin)
    return int(word)


def _wrong(text: str, index: int, origin: str) -> InputError:
    low, high = _BORDERS[index]
    return InputError(origin, f"{_NAMES[index]} can't be {text}", f"give numbers from {low} to {high}, * or */N")
