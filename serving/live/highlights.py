"""What of a dataset file a person should see beside the forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from components.dataset.rules import And, Column, Comparison, Condition, Not, Number, Or, columns_of, parse_rule
from components.dataset.schema import Dataset, Rule


@dataclass(frozen=True)
class Threshold:
    """A level of the target that the dataset file names.

    Attributes:
        value: in the target's unit.
        kind: `limit` of what can be read, `rule` that a rule compares with, `bound` that a rule puts on the forecast.
        label: what it is, in two words.
        when: the rule's condition, empty for a limit.
    """

    value: float
    kind: Literal["limit", "rule", "bound"]
    label: str
    when: str = ""


def thresholds(dataset: Dataset) -> tuple[Threshold, ...]:
    """Limits of the target, numbers that rules compare it with, and bounds that rules put on it; ascending."""
    found = [*_limits(dataset), *(one for rule in dataset.rules for one in _of_rule(rule, dataset.target))]
    unique = {(one.value, one.kind): one for one in reversed(found)}
    return tuple(sorted(unique.values(), key=lambda one: (one.value, one.kind)))


def companion(dataset: Dataset) -> str | None:
    """The column to show beside the target: one summed over a step (as rain is), else one that rules look at."""
    others = [name for name in dataset.columns if name != dataset.target and dataset.columns[name].role != "static"]
    unit = dataset.columns[dataset.target].unit
    in_rules = {name for rule in dataset.rules for name in columns_of(parse_rule(rule.when))}
    # A column of another unit tells more than a second level.
    choices = (
        (name for name in others if dataset.columns[name].resample == "sum"),
        (name for name in others if name in in_rules and dataset.columns[name].unit != unit),
        (name for name in others if name in in_rules),
        iter(others),
    )
    return next((name for choice in choices for name in choice), None)


def _limits(dataset: Dataset) -> Iterator[Threshold]:
    low, high = dataset.columns[dataset.target].limits
    if low is not None:
        yield Threshold(low, "limit", "lowest possible")
    if high is not None:
        yield Threshold(high, "limit", "highest possible")


def _of_rule(rule: Rule, target: str) -> Iterator[Threshold]:
    for comparison in _comparisons(parse_rule(rule.when)):
        match comparison:
            case Comparison(Column(name), _, Number(value)) | Comparison(Number(value), _, Column(name)):
                if name == target:
                    yield Threshold(value, "rule", "threshold of a rule", rule.when)
    if rule.then.min is not None:
        yield Threshold(rule.then.min, "bound", "forecast kept above", rule.when)
    if rule.then.max is not None:
        yield Threshold(rule.then.max, "bound", "forecast kept below", rule.when)


def _comparisons(condition: Condition) -> Iterator[Comparison]:
    match condition:
        case Comparison():
            yield condition
        case Not(term):
            yield from _comparisons(term)
        case And(terms) | Or(terms):
            for term in terms:
                yield from _comparisons(term)
