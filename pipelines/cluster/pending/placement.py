"""Which nodes a pod may go to, by the scheduler's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipelines.cluster.pending.snapshot import Amounts, Node, Pod, Surroundings, Taint, Term, Tolerated


@dataclass(frozen=True)
class Place:
    """What speaks against a node.

    Attributes:
        node: the node.
        fits_labels: whether its labels are those that the pod asks for.
        taints: that the pod doesn't bear.
        short: resources that are missing now, and how much.
        too_small: resources that it never has enough of, even empty.
    """

    node: Node
    fits_labels: bool
    taints: tuple[Taint, ...]
    short: Amounts
    too_small: Amounts


def places(pod: Pod, around: Surroundings) -> tuple[Place, ...]:
    """Every node, and what speaks against it."""
    return tuple(_place(pod, node, around) for node in around.nodes)


def holds(term: Term, labels: dict[str, str]) -> bool:
    """Whether a condition holds for a node's labels."""
    value = labels.get(term.key)
    if term.operator == "In":
        return value in term.values
    if term.operator == "NotIn":
        return value not in term.values
    if term.operator == "Exists":
        return value is not None
    if term.operator == "DoesNotExist":
        return value is None
    return _compared(term, value)


def all_hold(terms: Sequence[Term], labels: dict[str, str]) -> bool:
    """Whether all conditions hold."""
    return all(holds(term, labels) for term in terms)


def bears(pod: Pod, taint: Taint) -> bool:
    """Whether a pod has a toleration for a taint."""
    return any(_matches(one, taint) for one in pod.tolerations)


def _place(pod: Pod, node: Node, around: Surroundings) -> Place:
    groups = pod.alternatives
    fits = all_hold(pod.terms, node.labels) and (not groups or any(all_hold(one, node.labels) for one in groups))
    free = around.free(node)
    asks = {**pod.asks, "pods": Decimal(1)}
    offers = {"pods": Decimal(110), **node.offers}
    return Place(
        node,
        fits,
        tuple(taint for taint in node.taints if not bears(pod, taint)),
        _missing(asks, free),
        _missing(asks, offers),
    )


def _missing(asks: Amounts, has: Amounts) -> Amounts:
    return {name: amount - has.get(name, Decimal(0)) for name, amount in asks.items() if amount > has.get(name, 0)}


def _matches(one: Tolerated, taint: Taint) -> bool:
    if one.effect and one.effect != taint.effect:
        return False
    if one.key is None:
        return one.operator == "Exists"
    if one.key != taint.key:
        return False
    return one.operator == "Exists" or (one.value or "") == taint.value


def _compared(term: Term, value: str | None) -> bool:
    try:
        own, other = int(value or ""), int(term.values[0])
    except (ValueError, IndexError):
        return False
    return own > other if term.operator == "Gt" else own < other
