from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.train.window_share import (
    MARGIN,
    START_SECONDS,
    Timetable,
    seconds_after_training,
    seconds_in_window,
)

MEMBERS = (("a", 100.0), ("b", 50.0), ("c", 60.0), ("d", 40.0))


def test_the_timetable_is_that_of_free_workers() -> None:
    # a: 0-100; b: 0-50, c: 50-110, d: 100-140.
    timetable = Timetable(MEMBERS, at_once=2)
    assert [timetable.from_start_of(name) for name, _ in MEMBERS] == [140.0, 140.0, 90.0, 40.0]
    assert timetable.from_start_of("nobody") == 0.0


def test_with_time_enough_every_member_gets_its_budget() -> None:
    timetable = Timetable(MEMBERS, at_once=2)
    assert seconds_in_window(60.0, "c", timetable, left_seconds=500.0) == 60.0


def test_members_that_come_late_share_what_is_left() -> None:
    timetable = Timetable(MEMBERS, at_once=2)
    assert seconds_in_window(100.0, "a", timetable, left_seconds=70.0) == 50.0
    assert seconds_in_window(60.0, "c", timetable, left_seconds=30.0) == pytest.approx(20.0)
    assert seconds_in_window(40.0, "d", timetable, left_seconds=10.0) == pytest.approx(10.0)
    assert seconds_in_window(40.0, "d", timetable, left_seconds=-5.0) == 0.0


def test_together_they_end_within_the_window() -> None:
    # Each takes its share at its own start, by the same timetable, a little late every time.
    now, free, timetable = 0.0, [0.0, 0.0], Timetable(MEMBERS, at_once=2)
    for name, budget in MEMBERS:
        worker = free.index(min(free))
        now = free[worker] + 1.0
        free[worker] = now + seconds_in_window(budget, name, timetable, left_seconds=70.0 - now)
    assert max(free) <= 70.0


def test_the_steps_after_training_take_what_they_took_before(tmp_path: Path) -> None:
    def line(step: str, event: str, at: float) -> str:
        return json.dumps({"step": step, "event": event, "at": at}) + "\n"

    guessed = seconds_after_training(tmp_path, windows=1000)
    assert guessed > 4 * START_SECONDS
    lines = [
        line(step, event, at)
        for step, took in (("ensemble", 20.0), ("validate", 30.0))
        for event, at in (("started", 5.0), ("finished", 5.0 + took))
    ]
    (tmp_path / "journal.previous.jsonl").write_text("".join(lines) + '{"torn')
    assert seconds_after_training(tmp_path, windows=1000) == pytest.approx(MARGIN * 50.0 + 4 * START_SECONDS)
    assert seconds_after_training(None, windows=1000) == guessed
