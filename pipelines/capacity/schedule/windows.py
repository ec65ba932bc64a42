"""When a job may run: windows that come again each day or week.

Second 0 of every plan is a Monday's midnight in the zone of the person who plans. A plan's day always has 24 hours: the
two days a year on which clocks change are not modelled, so windows keep their hours and their lengths.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from components.errors import InputError

HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS
WEEK_SECONDS = 7 * DAY_SECONDS
_DAYS: dict[str, tuple[int, ...]] = {
    **{name: (number,) for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))},
    "daily": (0, 1, 2, 3, 4, 5, 6),
    "weekdays": (0, 1, 2, 3, 4),
    "weekends": (5, 6),
}
_PART = re.compile(r"^(?:(?P<days>[a-z]+))?\s*(?:(?P<begin>\d\d?:\d\d)-(?P<end>\d\d?:\d\d))?$")


@dataclass(frozen=True)
class Window:
    """A stretch of time that comes again.

    Attributes:
        begin_s: second of the day or week at which it opens.
        end_s: second at which it closes, later than `begin_s`; beyond `every_s` where it crosses midnight or Sunday.
        every_s: `DAY_SECONDS` or `WEEK_SECONDS`.

    Raises:
        InputError: it is empty, longer than its period, or has another period.
    """

    begin_s: int
    end_s: int
    every_s: int = DAY_SECONDS

    def __post_init__(self) -> None:
        where = f"window {self.begin_s}-{self.end_s} s"
        if self.every_s not in (DAY_SECONDS, WEEK_SECONDS):
            raise InputError(where, f"comes again every {self.every_s} s", "give the seconds of a day or of a week")
        if not 0 <= self.begin_s < self.every_s:
            raise InputError(where, "opens outside its day or week", f"let it open at 0 to {self.every_s - 1} s")
        if not self.begin_s < self.end_s <= self.begin_s + self.every_s:
            raise InputError(where, "is empty or longer than its day or week", "let it close after it opens")


def windows_of(text: str) -> tuple[Window, ...]:
    """Windows from text, such as `02:00-10:00` or `weekdays 20:00-08:00, weekends`.

    Parts are joined by commas. A part is days (`daily`, `weekdays`, `weekends`, `mon` to `sun`; daily where left out),
    hours (the whole day where left out), or both. Hours that end before they begin cross midnight.

    Raises:
        InputError: a part is neither.
    """
    return tuple(window for part in text.split(",") for window in _of_part(part.strip().lower(), text))


def _of_part(part: str, text: str) -> list[Window]:
    found = _PART.match(part)
    days = (found["days"] or "daily") if found else ""
    if not part or not found or days not in _DAYS:
        raise InputError(f"windows {text!r}", f"{part!r} is no window", "write e.g. `weekdays 20:00-08:00, weekends`")
    begin, end = (_second(found["begin"], text), _second(found["end"], text)) if found["begin"] else (0, DAY_SECONDS)
    if begin in (end, DAY_SECONDS):
        raise InputError(f"windows {text!r}", f"{part!r} says no length", "write `00:00-24:00` for a whole day")
    length = (end - begin) % DAY_SECONDS or DAY_SECONDS
    if days == "daily":
        return [Window(begin, begin + length)]
    return [Window(day * DAY_SECONDS + begin, day * DAY_SECONDS + begin + length, WEEK_SECONDS) for day in _DAYS[days]]


def _second(clock: str, text: str) -> int:
    hours, minutes = (int(part) for part in clock.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise InputError(f"windows {text!r}", f"{clock} is no time of day", "write 00:00 to 24:00")
    return hours * HOUR_SECONDS + minutes * 60


@dataclass(frozen=True)
class Openings:
    """Windows laid over one another: when something may run, without overlaps.

    Attributes:
        stretches: (opens, closes) of one week in order of time; empty where it is always open. Each opens within the
            week; the last one may close in the next.
    """

    stretches: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, windows: Iterable[Window]) -> Self:
        """What windows leave open together; no windows leave everything open."""
        week = [
            (begin, begin + window.end_s - window.begin_s)
            for window in windows
            for begin in range(window.begin_s, WEEK_SECONDS, window.every_s)
        ]
        # A stretch that goes on from Sunday to Monday is whole only where the weeks before and after are there.
        merged = _merged([(b + shift, e + shift) for shift in (-WEEK_SECONDS, 0, WEEK_SECONDS) for b, e in week])
        if not merged or any(end - begin >= WEEK_SECONDS for begin, end in merged):
            return cls()
        return cls(tuple((begin, end) for begin, end in merged if 0 <= begin < WEEK_SECONDS))

    def at_or_after(self, second: int) -> tuple[int, float]:
        """Begin and end of the opening that holds a second, or else of the next; it ends never where always open."""
        if not self.stretches:
            return 0, math.inf
        week, within = divmod(second, WEEK_SECONDS)
        last_begin, last_end = self.stretches[-1]
        if within < last_end - WEEK_SECONDS:
            return last_begin + (week - 1) * WEEK_SECONDS, last_end + (week - 1) * WEEK_SECONDS
        place = bisect_right(self.stretches, (within, math.inf))
        if place and within < self.stretches[place - 1][1]:
            place -= 1
        if place == len(self.stretches):
            week, place = week + 1, 0
        begin, end = self.stretches[place]
        return begin + week * WEEK_SECONDS, end + week * WEEK_SECONDS

    def room(self, second: int) -> float:
        """Seconds from a second until it closes; 0 while closed."""
        begin, end = self.at_or_after(second)
        return end - second if begin <= second else 0

    def next_begin(self, second: int) -> float:
        """The first opening that begins after a second; infinite where always open."""
        begin, end = self.at_or_after(second)
        if math.isinf(end) or begin > second:
            return math.inf if math.isinf(end) else begin
        return self.at_or_after(int(end))[0]

    @property
    def longest_seconds(self) -> float:
        """Length of the longest opening."""
        return max((end - begin for begin, end in self.stretches), default=math.inf)

    def between(self, begin_s: int, end_s: int) -> list[tuple[int, int]]:
        """The openings from one second to another, cut at both."""
        if not self.stretches:
            return [(begin_s, end_s)]
        found = []
        at = begin_s
        while at < end_s:
            opens, closes = self.at_or_after(at)
            if opens < end_s:
                found.append((max(opens, begin_s), min(int(closes), end_s)))
            at = int(closes)
        return found


def _merged(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[list[int]] = []
    for begin, end in sorted(stretches):
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    return [(begin, end) for begin, end in merged]
