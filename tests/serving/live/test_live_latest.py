"""What is kept of the forecasts that are made."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from serving.live import latest as latest_module
from serving.live.latest import Latest

NOW = 1767268800.0  # 2026-01-01T12:00:00Z


@pytest.fixture
def latest() -> Latest:
    return Latest(lambda model: 1, clock=lambda: NOW)


def only(latest: Latest):
    (track,) = latest.tracks("basin")
    return track


def test_the_newest_forecast_is_kept(latest, forecasted):
    latest.take(forecasted("2026-01-01T10:00"))
    latest.take(forecasted("2026-01-01T10:10", level=2.0))
    assert only(latest).newest.last_value == 2.0
    assert only(latest).newest.origin == "2026-01-01T10:10:00Z"


def test_an_older_origin_never_replaces_a_newer(latest, forecasted):
    latest.take(forecasted("2026-01-01T10:10", level=2.0))
    before = latest.revision("basin")
    latest.take(forecasted("2026-01-01T10:00"))
    assert only(latest).newest.last_value == 2.0
    assert latest.revision("basin") == before


def test_a_correction_of_the_same_origin_replaces(latest, forecasted):
    latest.take(forecasted("2026-01-01T10:00"))
    latest.take(forecasted("2026-01-01T10:00", level=3.0))
    assert only(latest).newest.last_value == 3.0
    assert only(latest).recent.values[-1, 0] == 3.0


def test_a_version_on_trial_is_not_shown(latest, forecasted):
    latest.take(forecasted("2026-01-01T10:00", version=2))
    assert latest.tracks("basin") == ()


def test_an_origin_of_a_wrong_clock_gives_way(latest, forecasted):
    latest.take(forecasted("2031-01-01T00:00", level=9.0))
    latest.take(forecasted("2026-01-01T10:00"))
    latest.take(forecasted("2031-01-01T00:10", level=9.0))
    assert only(latest).newest.origin == "2026-01-01T10:00:00Z"
    assert only(latest).recent.stamps[-1] == np.datetime64("2026-01-01T10:00")


def test_readings_of_successive_questions_are_put_together_each_stamp_once(latest, forecasted):
    latest.take(forecasted("2026-01-01T08:00", rows=20))
    latest.take(forecasted("2026-01-01T09:00", rows=12, level=2.0))
    recent = only(latest).recent
    assert len(recent.stamps) == 26
    assert (np.diff(recent.stamps) == np.timedelta64(10, "m")).all()
    assert recent.values[:, 0].tolist() == [1.0] * 14 + [2.0] * 12


def test_readings_older_than_a_day_are_let_go(latest, forecasted):
    latest.take(forecasted("2025-12-30T00:00", rows=50))
    latest.take(forecasted("2026-01-01T10:00", rows=300))
    stamps = only(latest).recent.stamps
    assert stamps[0] > np.datetime64("2025-12-31T10:00") - np.timedelta64(1, "s")
    assert len(stamps) == 144


def test_what_was_forecast_before_is_kept_for_the_longest_horizon(latest, forecasted):
    latest.take(forecasted("2026-01-01T09:00"))
    latest.take(forecasted("2026-01-01T09:10", level=2.0))
    latest.take(forecasted("2026-01-01T09:10", level=2.5))
    (earlier,) = only(latest).earlier
    assert (earlier.time, earlier.forecast) == ("2026-01-01T09:30:00Z", 4.0)


def test_the_series_forecast_last_are_kept_when_there_are_too_many(latest, forecasted, monkeypatch):
    monkeypatch.setattr(latest_module, "MAX_SERIES", 3)
    latest.take(forecasted("2026-01-01T09:00", series=("a", "b", "c")))
    latest.take(forecasted("2026-01-01T09:10", series=("a",)))
    latest.take(forecasted("2026-01-01T09:10", series=("d",)))
    assert [track.newest.series for track in latest.tracks("basin")] == ["a", "c", "d"]


def test_each_series_has_its_own_readings(latest, forecasted):
    latest.take(forecasted("2026-01-01T09:00", series=("b", "a"), rows=13))
    assert [len(track.recent.stamps) for track in latest.tracks("basin")] == [13, 13]


def test_threads_may_take_and_read_at_once(latest, forecasted):
    made = [forecasted(f"2026-01-01T{hour:02d}:{minute:02d}") for hour in range(12) for minute in range(0, 60, 10)]
    failures: list[BaseException] = []

    def work(step: Callable[[], object]) -> None:
        try:
            step()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(lambda: [latest.take(one) for one in made],)) for _ in range(3)]
    threads.append(threading.Thread(target=work, args=(lambda: [latest.tracks("basin") for _ in range(300)],)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert only(latest).newest.origin == "2026-01-01T11:50:00Z"
