"""Nodes that would do but have too little left: who holds it, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pipelines.cluster.pending.placement import Place
from pipelines.cluster.pending.service import SERVICE_LABEL
from pipelines.cluster.pending.snapshot import GPU, Cause, Node, Pod, Surroundings

_LISTED = 5
_GI = Decimal(2**30)


def shortage_causes(pod: Pod, fitting: Sequence[Place], around: Surroundings) -> tuple[Cause, ...]:
    """What is missing on the nodes that a pod may go to; never enough anywhere comes before not enough now."""
    possible = [place for place in fitting if not place.too_small]
    if not possible:
        return (_too_big(pod, fitting),)
    best = min(possible, key=lambda place: (len(place.short), place.node.name))
    resources = sorted(best.short, key=lambda name: (not name.startswith(GPU.split("/")[0]), name))
    return tuple(
        _held(pod, resource, [one for one in possible if resource in one.short], around) for resource in resources
    )


def amount_text(resource: str, amount: Decimal) -> str:
    """An amount as people say it."""
    if resource in ("memory", "ephemeral-storage"):
        return f"{amount / _GI:.3g} GiB of {resource}"
    return f"{amount.normalize():f} {resource}"


def moment_text(moment: datetime | None, now: datetime) -> str:
    """A time of today by its hour, any other with its date."""
    if moment is None:
        return "an unknown time"
    form = "%H:%M" if moment.date() == now.date() else "%Y-%m-%d %H:%M"
    return f"{moment.strftime(form)} UTC"


def _too_big(pod: Pod, fitting: Sequence[Place]) -> Cause:
    best = min(fitting, key=lambda place: (len(place.too_small), sum(place.too_small.values()), place.node.name))
    resource = next(iter(best.too_small))
    asked, offered = (
        pod.asks.get(resource, Decimal(1)),
        max(one.node.offers.get(resource, Decimal(0)) for one in fitting),
    )
    facts = {"resource": resource, "asked": float(asked), "most": float(offered), "node": best.node.name}
    if offered == 0:
        nodes = ", ".join(place.node.name for place in fitting[:_LISTED])
        what = f"no node that it may go to ({nodes}) offers any {resource}"
        if resource == GPU:
            fix = "check the device plug-in: kubectl get pods -A -l app=nvidia-device-plugin-daemonset"
            return Cause("no_such_card", what, fix, facts)
        return Cause("too_big", what, f"don't ask for {resource}, or add a node that has it", facts)
    what = (
        f"it asks for {amount_text(resource, asked)}, and the largest node that it may go to, {best.node.name}, has "
        f"{amount_text(resource, offered)} in all"
    )
    return Cause("too_big", what, "ask for less, or add a larger node", facts)


def _held(pod: Pod, resource: str, short: Sequence[Place], around: Surroundings) -> Cause:
    nodes = [place.node for place in short]
    holders = [one for node in nodes for one in around.on(node) if one.asks.get(resource)]
    holders.sort(key=lambda one: (one.ends is None, one.ends or around.now, one.full_name))
    asked = pod.asks.get(resource, Decimal(1))
    is_card = resource.startswith(GPU.split("/")[0])
    facts = {
        "resource": resource,
        "nodes": [node.name for node in nodes],
        "holders": [_facts(one, resource) for one in holders],
    }
    what = f"it asks for {amount_text(resource, asked)}, of which {_left(nodes, resource, around)}"
    if holders:
        what += "; held by " + "; ".join(_holder(one, resource, around) for one in holders[:_LISTED])
    if len(holders) > _LISTED:
        what += f" and {len(holders) - _LISTED} more"
    taking = _taking(pod, holders)
    return Cause("held_card" if is_card else "short", f"{what}. {taking}", _fix(pod, holders, around), facts)


def _left(nodes: Sequence[Node], resource: str, around: Surroundings) -> str:
    parts = []
    for node in nodes[:_LISTED]:
        left = max(around.free(node).get(resource, Decimal(0)), Decimal(0))
        parts.append(
            f"node {node.name} has {left.normalize():f} left of {node.offers.get(resource, Decimal(0)).normalize():f}"
        )
    if resource in ("memory", "ephemeral-storage"):
        return f"too little is left on node {', '.join(node.name for node in nodes[:_LISTED])}"
    return ", ".join(parts)


def _holder(one: Pod, resource: str, around: Surroundings) -> str:
    text = f"{one.full_name} ({amount_text(resource, one.asks[resource])}, priority {one.priority}"
    text += f", since {moment_text(one.started, around.now)}"
    return f"{text}, {_until(one, around)})"


def _until(one: Pod, around: Surroundings) -> str:
    if one.ends:
        return f"until {moment_text(one.ends, around.now)} at the latest"
    if SERVICE_LABEL in one.labels:
        return f"as long as InferenceService {one.labels[SERVICE_LABEL]} serves"
    return "as long as it isn't stopped" if one.restarts else "until it is done: it has no deadline"


def _taking(pod: Pod, holders: Sequence[Pod]) -> str:
    """Whether the scheduler takes the place away from somebody."""
    lower = [one for one in holders if one.priority < pod.priority]
    if pod.nominated:
        return f"Place is being made for it on node {pod.nominated}"
    if lower and pod.preempts:
        return f"With priority {pod.priority} it takes the place of {lower[0].full_name} (priority {lower[0].priority})"
    if lower:
        return "Its PriorityClass says that it takes nobody's place (preemptionPolicy: Never)"
    return f"Its own priority, {pod.priority}, is no higher, so it takes nobody's place"


def _fix(pod: Pod, holders: Sequence[Pod], around: Surroundings) -> str:
    lower = [one for one in holders if one.priority < pod.priority]
    if pod.nominated or (lower and pod.preempts):
        return "wait until the pods that were told to go have ended"
    if not holders:
        return "add a node"
    first = holders[0]
    end = f"kubectl delete pod -n {first.namespace} {first.name}"
    if SERVICE_LABEL in first.labels:
        name = first.labels[SERVICE_LABEL]
        end = f"kubectl annotate inferenceservice -n {first.namespace} {name} serving.kserve.io/stop=true"
    wait = f"wait until {moment_text(first.ends, around.now)}" if first.ends else "wait"
    return f"{wait}, add a node, or end the holder: {end}"


def _facts(one: Pod, resource: str) -> dict[str, object]:
    return {
        "pod": one.full_name,
        "amount": float(one.asks[resource]),
        "priority": one.priority,
        "since": one.started.isoformat() if one.started else None,
        "until": one.ends.isoformat() if one.ends else None,
    }
