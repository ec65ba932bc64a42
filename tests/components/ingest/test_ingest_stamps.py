import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.stamps import StampReader
from components.ingest.wall_clock import NO_TIME, localize


def read(*texts):
    stamps = StampReader().read(pd.Series(list(texts), dtype=object))
    return [None if ns == NO_TIME else str(pd.Timestamp(ns)) for ns in stamps.ns], stamps.zoned.tolist()


NOON = "2024-03-05 12:30:00"


@pytest.mark.parametrize(
    ("text", "zoned"),
    [
        ("2024-03-05 12:30", False),
        ("2024-03-05T12:30:00", False),
        ("2024-03-05T12:30:00Z", True),
        ("2024-03-05 21:30+09:00", True),
        ("2024-03-05 21:30:00 +0900", True),
        ("2024/3/5 12:30", False),
        ("2024.03.05 12:30:00", False),
        ("2024. 3. 5. 12:30", False),
        ("2024년 3월 5일 12:30", False),
        ("2024-03-05 오후 12:30", False),
        ("05.03.2024 12:30", False),
        ("05-Mar-2024 12:30", False),
        ("3/5/2024 12:30 PM", False),
        ("202403051230", False),
        ("20240305T123000", False),
        ("1709641800", True),
        ("1709641800.0", True),
        ("1709641800000", True),
    ],
)
def test_common_spellings_are_read(text, zoned):
    assert read(text) == ([NOON], [zoned])


def test_one_odd_spelling_leaves_the_others_as_they_are():
    texts, zoned = read("2024-03-05 12:30:00", "2024/03/05 12:30", "2024-03-05T12:30:00.000Z", "noon", None)
    assert texts == [NOON, NOON, NOON, None, None]
    assert zoned == [False, False, True, False, False]


@pytest.mark.parametrize(
    "text",
    ["", "noon", "2024-02-30", "2024-13-01", "2024-01-01 25:00", "2024-01-01 10:61", "-", "12", "0001-01-01", "9" * 19],
)
def test_what_is_no_time_is_none(text):
    assert read(text)[0] == [None]


def test_a_day_above_twelve_says_that_days_come_first():
    assert read("05/03/2024", "13/03/2024")[0][0] == "2024-03-05 00:00:00"
    assert read("05/03/2024", "05/13/2024")[0][0] == "2024-05-03 00:00:00"


def test_the_order_of_days_and_months_is_remembered_for_the_source():
    reader = StampReader()
    reader.read(pd.Series(["13/03/2024"], dtype=object))
    assert pd.Timestamp(reader.read(pd.Series(["05/03/2024"], dtype=object)).ns[0]) == pd.Timestamp("2024-03-05")


def test_twenty_four_oclock_is_the_next_midnight():
    assert read("2024-03-05 24:00")[0] == ["2024-03-06 00:00:00"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Seoul"])
def test_times_of_any_resolution_are_taken_as_they_are(unit, zone):
    column = pd.Series(pd.DatetimeIndex(["2024-03-05 12:30", None]).as_unit(unit).tz_localize(zone))
    stamps = StampReader().read(column)
    noon = pd.Timestamp(NOON) if zone is None else pd.Timestamp("2024-03-05 03:30")
    assert stamps.ns.tolist() == [noon.value, NO_TIME]
    assert stamps.zoned[0] == (zone is not None)


def test_whole_numbers_of_any_type_are_seconds_since_1970():
    for column in (pd.Series([1709641800]), pd.Series([1709641800.0, np.nan]), pd.Series([1709641800], dtype=object)):
        assert pd.Timestamp(StampReader().read(column).ns[0]) == pd.Timestamp(NOON)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.text(), st.none(), st.integers(), st.floats(), st.booleans()), max_size=20))
def test_no_garbage_stops_the_reading(cells):
    assert len(StampReader().read(pd.Series(cells, dtype=object)).ns) == len(cells)


@settings(max_examples=60, deadline=None)
@given(st.datetimes(min_value=pd.Timestamp("1900-01-01"), max_value=pd.Timestamp("2199-12-31")))
def test_iso_text_is_read_back_exactly(stamp):
    both = StampReader().read(pd.Series([stamp.isoformat(), "x"], dtype=object)).ns
    alone = StampReader().read(pd.Series([stamp.isoformat()], dtype=object)).ns
    assert alone[0] == both[0] == pd.Timestamp(stamp).as_unit("ns").value


def in_new_york(*clock, series=None):
    wall = pd.DatetimeIndex(clock).as_unit("ns").asi8
    instants = localize(wall, np.array(series or [0] * len(wall)), "America/New_York")
    return [
        None if skip else str(pd.Timestamp(ns))[11:16] for ns, skip in zip(instants.utc, instants.skipped, strict=True)
    ]


def test_the_hour_that_comes_twice_is_resolved_by_order():
    clock = [
        "2024-11-03 00:30",
        "2024-11-03 01:00",
        "2024-11-03 01:30",
        "2024-11-03 01:00",
        "2024-11-03 01:30",
        "2024-11-03 02:00",
    ]
    assert in_new_york(*clock) == ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"]


def test_the_repeated_hour_is_resolved_for_each_series_alone():
    clock = ["2024-11-03 01:00"] * 4
    assert in_new_york(*clock, series=[0, 1, 0, 1]) == ["05:00", "05:00", "06:00", "06:00"]


def test_a_clock_that_goes_back_is_in_the_second_hour():
    assert in_new_york("2024-11-03 01:50", "2024-11-03 01:10", "2024-11-03 01:20") == ["05:50", "06:10", "06:20"]


def test_a_repeated_hour_that_comes_once_is_the_first():
    assert in_new_york("2024-11-03 00:00", "2024-11-03 01:00", "2024-11-03 02:00") == ["04:00", "05:00", "07:00"]


def test_the_hour_that_is_skipped_is_none():
    assert in_new_york("2024-03-10 01:30", "2024-03-10 02:30", "2024-03-10 03:30") == ["06:30", None, "07:30"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 364 * 24 * 6 - 1), st.integers(1, 300))
def test_wall_clocks_of_a_regular_series_lead_back_to_its_instants(first, count):
    utc = pd.date_range("2024-01-01", periods=364 * 24 * 6, freq="10min", tz="UTC")[first : first + count]
    wall = utc.tz_convert("Europe/Berlin").tz_localize(None)
    if len(wall) == 1 or utc[0].tz_convert("Europe/Berlin").fold or utc[-1].tz_convert("Europe/Berlin").hour == 2:
        return  # cut within the repeated hour, which half it is can't be known
    instants = localize(wall.as_unit("ns").asi8, np.zeros(len(wall), dtype=np.int64), "Europe/Berlin")
    assert instants.utc.tolist() == utc.as_unit("ns").asi8.tolist()


def test_a_repeated_hour_far_into_a_long_series_is_told_apart():
    utc = pd.date_range(end="2024-10-27 06:00", periods=150_000, freq="min", tz="UTC")
    wall = utc.tz_convert("Europe/Berlin").tz_localize(None)
    instants = localize(wall.as_unit("ns").asi8, np.zeros(len(wall), dtype=np.int32), "Europe/Berlin")
    assert instants.utc.tolist() == utc.as_unit("ns").asi8.tolist()
    assert not instants.skipped.any()
