"""No node has the labels that a pod asks for: a slip of the pen, or no such card here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from components.dataset.errors import nearest
from pipelines.cluster.pending.placement import all_hold, holds
from pipelines.cluster.pending.snapshot import GPU, Cause, Node, Pod, Surroundings, Term

_PRODUCT = "gpu.product"
_LISTED = 6


def label_causes(pod: Pod, around: Surroundings) -> tuple[Cause, ...]:
    """What is wrong with each condition that no node meets; if each alone is met, that they exclude each other."""
    if not all_hold_somewhere(pod.terms, around.nodes):
        broken = [term for term in pod.terms if not any(holds(term, node.labels) for node in around.nodes)]
        if broken:
            return tuple(_broken(term, pod, around.nodes) for term in broken)
        return (_exclusive(pod.terms, around.nodes),)
    terms = [term for group in pod.alternatives for term in group]
    broken = [term for term in terms if not any(holds(term, node.labels) for node in around.nodes)]
    return tuple(_broken(term, pod, around.nodes) for term in broken) or (
        _exclusive((*pod.terms, *terms), around.nodes),
    )


def all_hold_somewhere(terms: Sequence[Term], nodes: Iterable[Node]) -> bool:
    """Whether one node meets all conditions."""
    return any(all_hold(terms, node.labels) for node in nodes)


def term_text(term: Term) -> str:
    """A condition as people write it."""
    if term.operator == "In" and len(term.values) == 1:
        return f"{term.key}={term.values[0]}"
    return f"{term.key} {term.operator} {_listed(term.values)}".rstrip()


def _broken(term: Term, pod: Pod, nodes: Sequence[Node]) -> Cause:
    there = sorted({node.labels[term.key] for node in nodes if term.key in node.labels})
    facts: dict[str, object] = {"key": term.key, "wanted": list(term.values), "there": there}
    if not there and term.operator in ("In", "Exists"):
        return _unknown_key(term, pod, nodes, facts)
    near = _nearest_value(term, there)
    if near:
        having = _having(near, term.key, nodes)
        what = f"it asks for nodes with {term_text(term)}; no node has that, but {having} has {near}"
        return Cause("selector_typo", what, f"write {term.key}: {near}", {**facts, "nearest": near})
    if term.key.endswith(_PRODUCT):
        what = f"no node has the card {' or '.join(term.values)}; the cluster has: {_cards(term.key, nodes)}"
        fix = "choose one of those in the profile or in the values (products), or add such a node"
        return Cause("no_such_card", what, fix, facts)
    what = f"no node has {term_text(term)}; there is {term.key}: {_listed(there) or 'nothing'}"
    return Cause("selector", what, f"see: kubectl get nodes -L {term.key}", facts)


def _unknown_key(term: Term, pod: Pod, nodes: Sequence[Node], facts: dict[str, object]) -> Cause:
    keys = {key for node in nodes for key in node.labels}
    near = nearest(term.key, keys)
    if near and _alike(near, term, nodes):
        what = f"it asks for nodes with the label {term.key}, which no node has"
        return Cause("selector_typo", what, f"did you mean {near}?", {**facts, "nearest": near})
    if term.key.startswith(GPU):
        what = f"no node has the label {term.key}: GPU feature discovery hasn't labelled any, or there is no card"
        fix = "install the GPU operator (it brings the discovery), or label the node: "
        return Cause(
            "no_such_card", what, f"{fix}kubectl label node NAME {term.key}={(term.values or ('VALUE',))[0]}", facts
        )
    fix = f"kubectl label node NAME {term.key}={(term.values or ('VALUE',))[0]}, or take it out of the selector"
    return Cause("selector", f"no node has the label {term.key}", fix, facts)


def _alike(near: str, term: Term, nodes: Sequence[Node]) -> bool:
    """A near key is a slip of the pen if it says what was meant, or if the pod's own key is nobody's namespace."""
    values = {node.labels[near] for node in nodes if near in node.labels}
    return bool(values & set(term.values)) or term.operator == "Exists" or near.split("/")[0] == term.key.split("/")[0]


def _nearest_value(term: Term, there: Sequence[str]) -> str | None:
    """Only where one value was asked for: a list of products names cards that other clusters have."""
    if term.operator != "In" or len(term.values) != 1:
        return None
    [wanted] = term.values
    near = nearest(wanted, there)
    # A100 is no slip of the pen for V100: the same letters, but another number or another first letter.
    return near if near and _digits(near) == _digits(wanted) and _first(near) == _first(wanted) else None


def _digits(text: str) -> list[str]:
    return sorted(character for character in text if character.isdigit())


def _first(text: str) -> set[str]:
    """The letters that stand before a number: the family of a card."""
    return {one.casefold() for one, following in pairwise(text) if one.isalpha() and following.isdigit()}


def _exclusive(terms: Sequence[Term], nodes: Sequence[Node]) -> Cause:
    said = " and ".join(term_text(term) for term in terms)
    best = max(nodes, key=lambda node: sum(holds(term, node.labels) for term in terms))
    missing = ", ".join(term_text(term) for term in terms if not holds(term, best.labels))
    what = f"no node has all of {said}; the nearest is {best.name}, which lacks {missing}"
    return Cause("selector", what, "take one condition away, or label a node", {"nearest_node": best.name})


def _having(value: str, key: str, nodes: Iterable[Node]) -> str:
    return "node " + _listed([node.name for node in nodes if node.labels.get(key) == value])


def _cards(key: str, nodes: Iterable[Node]) -> str:
    return _listed([f"{node.labels[key]} (node {node.name})" for node in nodes if key in node.labels]) or "none"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
