"""Windows: which seconds are open, across midnight and Sunday, and what text they are read from."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.capacity.schedule.windows import (
    DAY_SECONDS,
    HOUR_SECONDS,
    WEEK_SECONDS,
    Openings,
    Window,
    windows_of,
)

MONDAY, TUESDAY, FRIDAY, SATURDAY, SUNDAY = (day * DAY_SECONDS for day in (0, 1, 4, 5, 6))


def openings(text: str) -> Openings:
    return Openings.of(windows_of(text))


def test_without_windows_it_is_always_open() -> None:
    always = Openings.of(())
    assert always.room(12_345) == math.inf
    assert always.longest_seconds == math.inf
    assert always.next_begin(5) == math.inf
    assert always.between(3, 9) == [(3, 9)]


def test_a_daily_window_opens_every_day_at_the_same_hour() -> None:
    dawn = openings("02:00-10:00")
    for day in (0, 6, 7, 400):
        begin = day * DAY_SECONDS + 2 * HOUR_SECONDS
        assert dawn.at_or_after(begin - 1) == (begin, begin + 8 * HOUR_SECONDS)
        assert dawn.room(begin - 1) == 0
        assert dawn.room(begin) == 8 * HOUR_SECONDS
        assert dawn.room(begin + 8 * HOUR_SECONDS) == 0


def test_a_window_across_midnight_is_one_opening() -> None:
    night = openings("22:00-06:00")
    assert night.longest_seconds == 8 * HOUR_SECONDS
    assert night.at_or_after(TUESDAY) == (TUESDAY - 2 * HOUR_SECONDS, TUESDAY + 6 * HOUR_SECONDS)
    # The night from Sunday to Monday, seen from Monday; and second 0 lies in a night that began before.
    monday = 3 * WEEK_SECONDS
    assert night.at_or_after(monday + 60) == (monday - 2 * HOUR_SECONDS, monday + 6 * HOUR_SECONDS)
    assert night.room(0) == 6 * HOUR_SECONDS


def test_nights_and_weekends_are_joined_to_one_long_weekend() -> None:
    quiet = openings("weekdays 20:00-08:00, weekends")
    # From Friday evening to Sunday's midnight, since no night begins on Sunday.
    assert quiet.at_or_after(SATURDAY) == (FRIDAY + 20 * HOUR_SECONDS, SUNDAY + DAY_SECONDS)
    assert quiet.longest_seconds == 52 * HOUR_SECONDS
    assert quiet.room(WEEK_SECONDS + 60) == 0
    with_sunday = openings("daily 20:00-08:00, weekends")
    assert with_sunday.longest_seconds == 60 * HOUR_SECONDS
    assert with_sunday.room(WEEK_SECONDS) == 8 * HOUR_SECONDS


def test_windows_that_meet_leave_no_gap() -> None:
    assert openings("02:00-06:00, 06:00-10:00") == openings("02:00-10:00")
    assert openings("00:00-12:00, 12:00-24:00") == Openings()
    assert openings("weekdays, weekends") == Openings()


def test_a_weekend_that_goes_on_into_monday_is_one_opening() -> None:
    long = openings("weekends, mon 00:00-08:00")
    assert long.longest_seconds == 56 * HOUR_SECONDS
    assert long.room(WEEK_SECONDS - 60) == 8 * HOUR_SECONDS + 60
    assert long.room(60) == 8 * HOUR_SECONDS - 60


def test_every_day_has_the_same_hours_whatever_clocks_do() -> None:
    night = openings("01:00-04:00")
    lengths = {end - begin for begin, end in night.between(0, 365 * DAY_SECONDS)}
    assert lengths == {3 * HOUR_SECONDS}
    assert len(night.between(0, 365 * DAY_SECONDS)) == 365


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("02:00-10:00", (Window(7_200, 36_000),)),
        ("daily 22:30-06:00", (Window(81_000, 108_000),)),
        ("sun 23:00-01:00", (Window(SUNDAY + 82_800, SUNDAY + 90_000, WEEK_SECONDS),)),
        ("weekends", (Window(SATURDAY, SUNDAY, WEEK_SECONDS), Window(SUNDAY, WEEK_SECONDS, WEEK_SECONDS))),
        ("00:00-24:00", (Window(0, DAY_SECONDS),)),
    ],
)
def test_windows_are_read_from_text(text: str, windows: tuple[Window, ...]) -> None:
    assert windows_of(text) == windows


@pytest.mark.parametrize(
    "text", ["", "dawn", "02:00", "25:00-26:00", "02:60-03:00", "08:00-08:00", "24:00-02:00", "a,"]
)
def test_text_that_says_no_window_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="windows"):
        windows_of(text)


@pytest.mark.parametrize(
    ("begin", "end", "every"), [(0, 0, DAY_SECONDS), (5, 90_000, DAY_SECONDS), (-1, 5, DAY_SECONDS), (0, 5, 60)]
)
def test_a_window_that_can_not_be_is_an_input_error(begin: int, end: int, every: int) -> None:
    with pytest.raises(InputError):
        Window(begin, end, every)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    every = draw(st.sampled_from((DAY_SECONDS, WEEK_SECONDS)))
    begin = draw(st.integers(0, every - 1))
    return Window(begin, begin + draw(st.integers(1, every)), every)


def is_open(laid: tuple[Window, ...], second: int) -> bool:
    return any((second - each.begin_s) % each.every_s < each.end_s - each.begin_s for each in laid)


@given(st.lists(windows(), min_size=1, max_size=4).map(tuple), st.integers(0, 3 * WEEK_SECONDS))
def test_openings_are_open_exactly_when_a_window_is(laid: tuple[Window, ...], second: int) -> None:
    found = Openings.of(laid)
    assert (found.room(second) > 0) == is_open(laid, second)
    begin, end = found.at_or_after(second)
    assert end > second
    if not math.isinf(end):
        assert is_open(laid, max(begin, second))
        assert is_open(laid, int(end) - 1)
        assert not is_open(laid, int(end))
        following = int(found.next_begin(second))
        assert following > second
        assert is_open(laid, following)
        assert not is_open(laid, following - 1)
