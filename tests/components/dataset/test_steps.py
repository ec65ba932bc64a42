from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.dataset.steps import step_seconds, step_text


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        ("30s", 30),
        ("1min", 60),
        ("15min", 900),
        ("15 minutes", 900),
        ("h", 3600),
        ("1d", 86_400),
        ("business_day", 86_400),
    ],
)
def test_step_has_its_length(step: str, seconds: int) -> None:
    assert step_seconds(step) == seconds


@pytest.mark.parametrize("wrong", ["", "5", "0min", "-1h", "1.5h", "1 month", "business_days", "5 min 3"])
def test_what_is_no_step_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="length"):
        step_seconds(wrong)


@given(st.integers(1, 10_000_000))
def test_written_step_reads_back_equal(seconds: int) -> None:
    assert step_seconds(step_text(seconds)) == seconds
