from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.dataset.errors import WrongKeyError
from components.dataset.rules import (
    And,
    Column,
    Comparison,
    Condition,
    Not,
    Number,
    Or,
    columns_of,
    evaluate,
    format_rule,
    parse_rule,
)

NAMES = ("rain", "outer_level", "수위", "rain gauge", "and", "b2")
READINGS = {name: np.array([-1.0, 0.0, 0.5, 2.0, 1e3])[(index + np.arange(7)) % 5] for index, name in enumerate(NAMES)}
PYTHON = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

numbers = st.floats(allow_nan=False, allow_infinity=False).map(Number)
operands = st.sampled_from(NAMES).map(Column) | numbers
comparisons = st.builds(Comparison, st.sampled_from(NAMES).map(Column), st.sampled_from(sorted(PYTHON)), operands)
conditions: st.SearchStrategy[Condition] = st.recursive(
    comparisons,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda terms: And(tuple(terms)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda terms: Or(tuple(terms)))
    ),
    max_leaves=8,
)


def by_python(condition: Condition, row: int) -> bool:
    """What Python itself says of one row."""
    match condition:
        case Comparison(left, sign, right):
            return bool(PYTHON[sign](value(left, row), value(right, row)))
        case Not(term):
            return not by_python(term, row)
        case And(terms):
            return all(by_python(term, row) for term in terms)
        case Or(terms):
            return any(by_python(term, row) for term in terms)


def value(operand: Any, row: int) -> float:
    return operand.value if isinstance(operand, Number) else float(READINGS[operand.name][row])


@given(conditions)
def test_written_condition_reads_back_equal(condition: Condition) -> None:
    assert parse_rule(format_rule(condition)) == condition


@given(conditions)
def test_evaluation_over_arrays_agrees_with_python_row_by_row(condition: Condition) -> None:
    held = evaluate(condition, READINGS.__getitem__, np)
    assert held.tolist() == [by_python(condition, row) for row in range(7)]


TEXT_TOKENS = st.sampled_from(["rain", "b2", "1", "-2.5", "1e3", "<", ">=", "==", "and", "or", "not", "(", ")"])


@given(st.lists(TEXT_TOKENS, max_size=9).map(" ".join))
def test_text_is_read_as_python_reads_it_or_refused(text: str) -> None:
    try:
        condition = parse_rule(text)
    except WrongKeyError:
        return
    if not columns_of(condition):
        return
    held = evaluate(condition, READINGS.__getitem__, np)
    expected = [bool(eval(text, {"rain": READINGS["rain"][row], "b2": READINGS["b2"][row]})) for row in range(7)]
    assert held.tolist() == expected


def test_and_binds_tighter_than_or_and_not_tighter_than_and() -> None:
    a, b, c = (Comparison(Column(name), ">", Number(0)) for name in "abc")
    assert parse_rule("a > 0 or b > 0 and not c > 0") == Or((a, And((b, Not(c)))))
    assert parse_rule("(a > 0 or b > 0) and c > 0") == And((Or((a, b)), c))


def test_chained_comparison_means_both() -> None:
    assert parse_rule("1 < rain <= 5") == And(
        (Comparison(Number(1), "<", Column("rain")), Comparison(Column("rain"), "<=", Number(5)))
    )


def test_names_may_begin_with_a_keyword_or_be_quoted() -> None:
    assert columns_of(parse_rule("order > 1 and not notch < 2 or `rain gauge` > 수위")) == {
        "order",
        "notch",
        "rain gauge",
        "수위",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rain",
        "5",
        "rain > ",
        "rain = 5",
        "rain > 5min",
        "rain > 5 rain < 6",
        "rain() > 1",
        "a.b > 1",
        "rain + 1 > 2",
        "rain > and",
        "(rain > 1)orb > 2",
        "rain > 1or b > 2",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(WrongKeyError, match="condition"):
        parse_rule(text)


def test_nothing_is_run_as_code() -> None:
    with pytest.raises(WrongKeyError):
        parse_rule("__import__('os').system('true') > 1")
