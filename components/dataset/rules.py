"""Conditions of rules: comparisons of columns and numbers, joined by and, or, not.

`evaluate` walks a condition with any array library whose functions carry NumPy's names, so that the same rule
runs over readings in NumPy and inside a served graph with `keras.ops`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, reduce
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

from components.dataset.errors import WrongKeyError

if TYPE_CHECKING:
    from lark import Lark

Operator = Literal["<", "<=", ">", ">=", "==", "!="]

GRAMMAR = r"""
?start: or_
?or_: and_ (_OR and_)*
?and_: not_ (_AND not_)*
?not_: _NOT not_ -> negation
     | "(" or_ ")"
     | comparison
comparison: operand (OPERATOR operand)+
?operand: NUMBER -> number
        | NAME -> name
        | QUOTED -> quoted

OPERATOR: "<=" | ">=" | "==" | "!=" | "<" | ">"
NUMBER.2: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?(?![^\W\d])/
NAME: /(?!(?:and|or|not)\b)[^\W\d]\w*/
_AND: /and\b/
_OR: /or\b/
_NOT: /not\b/
QUOTED: /`[^`]+`/
%ignore /\s+/
"""
_KEYWORDS = ("and", "or", "not")
_PLAIN_NAME = re.compile(r"[^\W\d]\w*")
_FIX = "compare columns and numbers with < <= > >= == !=, join with and, or, not; put odd names in `backticks`"
_NEARLY = {"&": "and", "|": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not", "=": "=="}


@dataclass(frozen=True)
class Column:
    """The readings of a column, in its unit."""

    name: str


@dataclass(frozen=True)
class Number:
    """A number in the unit of the column that it is compared with."""

    value: float


Operand: TypeAlias = Column | Number


@dataclass(frozen=True)
class Comparison:
    """`left operator right`, such as `rain > 5`."""

    left: Operand
    operator: Operator
    right: Operand


@dataclass(frozen=True)
class And:
    """All terms hold."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """At least one term holds."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The term does not hold."""

    term: Condition


Condition: TypeAlias = Comparison | And | Or | Not


class Ops(Protocol):
    """What `evaluate` needs of an array library; the modules `numpy` and `keras.ops` both have it."""

    @property
    def less(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def less_equal(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def greater(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def greater_equal(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def equal(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def not_equal(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def logical_and(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def logical_or(self) -> Callable[..., Any]: ...  # noqa: D102
    @property
    def logical_not(self) -> Callable[..., Any]: ...  # noqa: D102


_FUNCTIONS: dict[Operator, str] = {
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "==": "equal",
    "!=": "not_equal",
}


def parse_rule(text: str) -> Condition:
    """The condition that a rule's `when` states; `1 < rain <= 5` means both comparisons, as in Python.

    Raises:
        WrongKeyError: the text is no condition.
    """
    from lark import UnexpectedInput, UnexpectedToken

    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        position = len(text) if ended else error.pos_in_stream or 0
        raise WrongKeyError((), _problem(text, position), _fix(text[position:])) from None
    return cast(Condition, _condition(tree))


def format_rule(condition: Condition) -> str:
    """Text that `parse_rule` reads as an equal condition."""
    match condition:
        case Comparison(left, operator, right):
            return f"{_format_operand(left)} {operator} {_format_operand(right)}"
        case Not(term):
            return f"not ({format_rule(term)})"
        case And(terms):
            return " and ".join(f"({format_rule(term)})" for term in terms)
        case Or(terms):
            return " or ".join(f"({format_rule(term)})" for term in terms)


def columns_of(condition: Condition) -> frozenset[str]:
    """Names of all columns that a condition looks at."""
    match condition:
        case Comparison(left, _, right):
            return frozenset(operand.name for operand in (left, right) if isinstance(operand, Column))
        case Not(term):
            return columns_of(term)
        case And(terms) | Or(terms):
            return frozenset().union(*(columns_of(term) for term in terms))


def evaluate(condition: Condition, column: Callable[[str], Any], ops: Ops) -> Any:
    """Whether a condition holds at each reading.

    Args:
        condition: the parsed rule.
        column: gives a column's readings, an array of any shape, the same for all columns, in raw units.
        ops: `numpy`, `keras.ops`, or another library with their names.

    Returns:
        bool array of the columns' shape.
    """
    match condition:
        case Comparison(left, operator, right):
            function: Callable[..., Any] = getattr(ops, _FUNCTIONS[operator])
            return function(_value(left, column), _value(right, column))
        case Not(term):
            return ops.logical_not(evaluate(term, column, ops))
        case And(terms):
            return reduce(ops.logical_and, (evaluate(term, column, ops) for term in terms))
        case Or(terms):
            return reduce(ops.logical_or, (evaluate(term, column, ops) for term in terms))


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=False)


def _condition(tree: Any) -> Condition | Operand:
    """Turns a parse tree into a condition; every node's children are turned first."""
    if tree.data in ("number", "name", "quoted"):
        return _operand(tree.data, str(tree.children[0]))
    if tree.data == "comparison":
        return _chain([child if hasattr(child, "type") else _condition(child) for child in tree.children])
    terms = tuple(cast(Condition, _condition(child)) for child in tree.children)
    if tree.data == "negation":
        return Not(terms[0])
    return And(terms) if tree.data == "and_" else Or(terms)


def _operand(kind: str, text: str) -> Operand:
    if kind == "number":
        return Number(float(text))
    return Column(text.strip("`"))


def _chain(parts: list[Any]) -> Condition:
    comparisons = tuple(
        Comparison(parts[index], cast(Operator, str(parts[index + 1])), parts[index + 2])
        for index in range(0, len(parts) - 2, 2)
    )
    return comparisons[0] if len(comparisons) == 1 else And(comparisons)


def _value(operand: Operand, column: Callable[[str], Any]) -> Any:
    return operand.value if isinstance(operand, Number) else column(operand.name)


def _format_operand(operand: Operand) -> str:
    if isinstance(operand, Number):
        if not math.isfinite(operand.value):
            raise ValueError(f"{operand.value} can't be written in a rule")
        return repr(operand.value)
    plain = _PLAIN_NAME.fullmatch(operand.name) and operand.name not in _KEYWORDS
    return operand.name if plain else f"`{operand.name}`"


def _problem(text: str, position: int) -> str:
    if position >= len(text):
        return f"condition '{text}' ends too early"
    return f"condition '{text}' can't be read at '{text[position : position + 12]}' (character {position + 1})"


def _fix(rest: str) -> str:
    for wrong, right in _NEARLY.items():
        if rest.startswith(wrong):
            return f"did you mean '{right}'? {_FIX}"
    return _FIX
