"""Ranges: their ends, and arithmetic that never leaves out a possible result."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.capacity.ranges import Range

NUMBERS = st.floats(-1e6, 1e6)
PARTS = st.floats(0, 1)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    return Range.of((draw(NUMBERS), draw(NUMBERS)))


def within(drawn: Range, part: float) -> float:
    return min(drawn.high, max(drawn.low, drawn.low + part * (drawn.high - drawn.low)))


def holds(result: Range, value: float) -> bool:
    """Whether a range holds a value but for the rounding of floats."""
    slack = 1e-9 * max(1.0, abs(result.low), abs(result.high))
    return result.low - slack <= value <= result.high + slack


@pytest.mark.parametrize(("low", "high"), [(2, 1), (math.nan, 1), (1, math.nan)])
def test_ends_in_the_wrong_order_are_refused(low, high):
    with pytest.raises(ValueError, match="low must not be above high"):
        Range(low, high)


@given(ranges(), ranges(), PARTS, PARTS)
def test_sums_differences_and_products_hold_every_possible_result(left, right, a, b):
    x, y = within(left, a), within(right, b)
    assert holds(left + right, x + y)
    assert holds(left - right, x - y)
    assert holds(left * right, x * y)


@given(ranges(), st.floats(0.1, 1e3), st.floats(0.1, 1e3), PARTS, PARTS)
def test_quotients_hold_every_possible_result(left, one, other, a, b):
    right = Range.of((one, other))
    assert holds(left / right, within(left, a) / within(right, b))
    assert holds(left / -2, within(left, a) / -2)


def test_a_divisor_that_may_be_0_is_refused():
    with pytest.raises(ZeroDivisionError, match="-1 to 1"):
        Range(1, 2) / Range(-1, 1)


@given(ranges(), NUMBERS)
def test_a_plain_number_counts_as_a_range_of_itself(drawn, number):
    assert drawn + number == drawn + Range.exactly(number)
    assert drawn * number == drawn * Range.exactly(number)


@given(st.lists(NUMBERS, min_size=1))
def test_the_range_of_values_holds_them_and_ends_at_two_of_them(values):
    drawn = Range.of(values)
    assert all(drawn.contains(value) for value in values)
    assert {drawn.low, drawn.high} <= set(values)
    assert drawn.contains(drawn.middle)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (Range.exactly(6), "6"),
        (Range(12, 15), "12 to 15"),
        (Range(0.0625, 0.2), "0.0625 to 0.2"),
        (Range(2e6, 3e6), "2,000,000 to 3,000,000"),
        (Range.exactly(18.3333333), "18.33"),
    ],
)
def test_a_range_is_written_as_people_write_it(shown, text):
    assert str(shown) == text
