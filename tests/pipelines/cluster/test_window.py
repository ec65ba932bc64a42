from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.cluster.cron import move_cron, parse_cron
from pipelines.cluster.window import Change, find_zone, parse_window, schedule_of_cron, schedule_of_window

BERLIN, NEW_YORK, SEOUL = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Seoul")
KOLKATA, LORD_HOWE = ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe")
ZONE = ZoneInfo("UTC")
WINTER = datetime(2026, 1, 10, 12, tzinfo=UTC)
ZONES = st.sampled_from([BERLIN, NEW_YORK, SEOUL, KOLKATA, LORD_HOWE, ZONE, ZoneInfo("Asia/Kathmandu")])


def test_a_night_in_seoul_begins_on_the_same_day_in_utc() -> None:
    schedule = schedule_of_window(parse_window("22:00-06:00"), SEOUL, ZONE, WINTER)
    assert schedule.cron == "0 0 13 * * *"
    assert schedule.first == datetime(2026, 1, 10, 13, tzinfo=UTC)
    assert schedule.open_for == timedelta(hours=8)
    assert schedule.changes == ()


def test_a_dawn_in_seoul_begins_on_the_day_before_in_utc() -> None:
    schedule = schedule_of_window(parse_window("01:30-09:00"), SEOUL, ZONE, WINTER)
    assert schedule.cron == "0 30 16 * * *"
    assert schedule.first.astimezone(SEOUL) == datetime(2026, 1, 11, 1, 30, tzinfo=SEOUL)


def test_where_clocks_change_it_is_said_when_and_what_that_does() -> None:
    schedule = schedule_of_window(parse_window("22:00-06:00"), BERLIN, ZONE, WINTER)
    assert schedule.cron == "0 0 21 * * *"
    assert schedule.changes == (Change(date(2026, 3, 29), time(23)), Change(date(2026, 10, 25), time(22)))


def test_submitted_in_summer_the_winter_is_early() -> None:
    schedule = schedule_of_window(parse_window("22:00-06:00"), BERLIN, ZONE, WINTER + timedelta(days=180))
    assert schedule.cron == "0 0 20 * * *"
    assert schedule.changes == (Change(date(2026, 10, 25), time(21)), Change(date(2027, 3, 28), time(22)))


def test_the_night_in_which_an_hour_is_skipped_is_shorter() -> None:
    window = parse_window("22:00-06:00")
    assert window.closes(date(2026, 3, 28), BERLIN) - window.opens(date(2026, 3, 28), BERLIN) == timedelta(hours=7)
    assert window.closes(date(2026, 10, 24), BERLIN) - window.opens(date(2026, 10, 24), BERLIN) == timedelta(hours=9)
    assert window.shortest(BERLIN, date(2026, 1, 1)) == timedelta(hours=7)
    assert window.shortest(SEOUL, date(2026, 1, 1)) == timedelta(hours=8)


def test_a_window_by_day_is_as_long_as_it_says_all_year() -> None:
    assert parse_window("09:00-17:30").shortest(BERLIN, date(2026, 1, 1)) == timedelta(hours=8, minutes=30)


def test_a_start_that_the_clocks_skip_happens_an_hour_later_by_the_clock() -> None:
    eve = datetime(2026, 3, 28, 12, tzinfo=UTC)
    schedule = schedule_of_window(parse_window("02:30-06:00"), BERLIN, ZONE, eve)
    assert schedule.first.astimezone(BERLIN).strftime("%d %H:%M") == "29 03:30"


def test_a_start_that_happens_twice_is_the_first() -> None:
    eve = datetime(2026, 10, 24, 12, tzinfo=UTC)
    schedule = schedule_of_window(parse_window("02:30-06:00"), BERLIN, ZONE, eve)
    assert schedule.first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_half_an_hour_of_summer_time_is_half_an_hour() -> None:
    schedule = schedule_of_window(parse_window("22:00-06:00"), LORD_HOWE, ZONE, WINTER)
    assert schedule.cron == "0 0 11 * * *"
    assert schedule.changes[0] == Change(date(2026, 4, 5), time(21, 30))


def test_a_controller_in_the_same_zone_takes_it_as_it_is_and_never_shifts() -> None:
    schedule = schedule_of_cron("0 15 2 ? * mon-fri", BERLIN, BERLIN, WINTER)
    assert (schedule.cron, schedule.changes) == ("0 15 2 * * 1,2,3,4,5", ())


def test_days_of_the_week_move_with_the_hour() -> None:
    assert schedule_of_cron("0 0 2 * * 1-5", SEOUL, ZONE, WINTER).cron == "0 0 17 * * 0,1,2,3,4"
    assert schedule_of_cron("0 0 22 * * sat", NEW_YORK, ZONE, WINTER).cron == "0 0 3 * * 0"


def test_what_six_fields_cannot_say_in_the_controllers_zone_is_refused() -> None:
    with pytest.raises(InputError, match="another day"):
        schedule_of_cron("0 0 2 1 * *", SEOUL, ZONE, WINTER)
    with pytest.raises(InputError, match="another day"):
        schedule_of_cron("0 0 2,12 * * 1", SEOUL, ZONE, WINTER)
    with pytest.raises(InputError, match="one minute"):
        schedule_of_cron("0 0,45 2 * * *", KOLKATA, ZONE, WINTER)


@pytest.mark.parametrize("text", ["0 0 0 31 2 *", "0 0 25 * * *", "0 0 5-2 * * *", "0 0 */0 * * *", "0 x 1 * * *"])
def test_a_wrong_expression_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_cron(text, "--schedule")


@pytest.mark.parametrize("text", ["22:00", "22:00-22:00", "24:00-06:00", "22-06", "22:60-06:00", ""])
def test_a_wrong_window_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_window(text)


@pytest.mark.parametrize("name", ["Mars/Base", "", "../../etc/passwd"])
def test_a_wrong_zone_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no such time zone"):
        find_zone(name, "--timezone")


@given(
    zone=ZONES,
    controller=ZONES,
    start=st.times(min_value=time(0)).map(lambda moment: moment.replace(second=0, microsecond=0)),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC)),
)
def test_the_moved_expression_starts_when_the_local_one_does(
    zone: ZoneInfo, controller: ZoneInfo, start: time, now: datetime
) -> None:
    text = f"0 {start.minute} {start.hour} * * *"
    schedule = schedule_of_cron(text, zone, controller, now)
    cron = parse_cron(schedule.cron, "test")
    # Around a change of either clock a local time may be skipped or happen twice; the day before it may not.
    near = islice(cron.starts(controller, schedule.first - timedelta(hours=3)), 3)
    assert any(abs(one - schedule.first) <= timedelta(hours=1) for one in near)
    if all(
        (schedule.first + timedelta(days=d)).astimezone(z).utcoffset() == schedule.first.astimezone(z).utcoffset()
        for z in (zone, controller)
        for d in (-2, 2)
    ):
        assert schedule.first in list(islice(cron.starts(controller, schedule.first - timedelta(minutes=1)), 2))


@given(st.integers(0, 59), st.integers(0, 23), st.integers(-14 * 60, 14 * 60))
def test_moved_there_and_back_it_is_the_same(minute: int, hour: int, minutes: int) -> None:
    cron = parse_cron(f"0 {minute} {hour} * * *", "test")
    assert move_cron(move_cron(cron, minutes, "test"), -minutes, "test") == cron


@given(st.from_regex(re.compile(r"[0-9*?/,\- a-z]{0,24}"), fullmatch=True))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        cron = parse_cron(text, "--schedule")
    except InputError:
        return
    assert parse_cron(str(cron), "--schedule") == cron
