from __future__ import annotations

from datetime import UTC, datetime

import pytest

from components.dataset.schema import Column, Dataset
from components.errors import InputError
from pipelines.run.limits import Limits, next_time_of_day


def _dataset(**given: str) -> Dataset:
    return Dataset(
        name="river",
        time="time",
        step="1h",
        columns={"level": Column(unit="m")},
        target="level",
        window=16,
        horizons=(1,),
        **given,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Seoul is nine hours ahead of UTC.
        ("06:00", datetime(2026, 3, 1, 21, 0, tzinfo=UTC)),
        ("23:30", datetime(2026, 3, 1, 14, 30, tzinfo=UTC)),
        ("21:00", datetime(2026, 3, 2, 12, 0, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_the_next_such_time_of_the_dataset_s_zone(text: str, expected: datetime) -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    at = next_time_of_day(text, _dataset(timezone="Asia/Seoul"), now)
    assert datetime.fromtimestamp(at, UTC) == expected


def test_the_night_on_which_clocks_go_forward_is_an_hour_shorter() -> None:
    now = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    at = next_time_of_day("06:00", _dataset(timezone="Europe/Berlin"), now)
    assert datetime.fromtimestamp(at, UTC) == datetime(2026, 3, 29, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["24:00", "6", "six", "12:60", "-1:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="HH:MM"):
        next_time_of_day(text, _dataset(), datetime.now(UTC))


def test_determinism_needs_steps() -> None:
    with pytest.raises(InputError, match="--steps"):
        Limits(deterministic=True).check()
    Limits(steps=10, deterministic=True).check()


def test_only_limits_that_say_something_are_parameters() -> None:
    assert Limits().arguments() == {}
    assert Limits(steps=5, deadline=9.0).arguments() == {"steps": 5, "deadline": 9.0}
    assert Limits().told(_dataset()) == ""
    at = datetime(2026, 3, 1, 21, 0, tzinfo=UTC).timestamp()
    assert "2026-03-02 06:00 KST" in Limits(deadline=at).told(_dataset(timezone="Asia/Seoul"))
