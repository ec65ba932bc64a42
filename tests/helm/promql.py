"""Which metrics and labels a PromQL expression names; enough for the chart's own, no parser."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*\{([^{}]*)\}")
_MATCHER = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^()]*)\)")
_DURATION = re.compile(r"\[[^\]]*\]")
_CALL = re.compile(r"\b([a-zA-Z_][a-zA-Z0-9_]*)\s*\(")
_NAME = re.compile(r"(?<![\w:])[a-zA-Z_:][a-zA-Z0-9_:]*")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "without"})


def bare(expression: str) -> str:
    """The expression without texts."""
    return _TEXT.sub('""', expression)


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric with the labels that its braces name."""
    text = bare(expression)
    for name, inside in _SELECTOR.findall(text):
        yield name, set(_MATCHER.findall(inside))
    rest = _SELECTOR.sub(" ", _GROUPING.sub(" ", _DURATION.sub(" ", text)))
    called = set(_CALL.findall(rest))
    for name in _NAME.findall(rest):
        if name not in _WORDS | called:
            yield name, set()


def groupings(expression: str) -> set[str]:
    """Labels by which results are grouped."""
    return {label.strip() for inside in _GROUPING.findall(bare(expression)) for label in inside.split(",")}
