"""The API's objects as facts of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pipelines.cluster.pending.snapshot import (
    PRIORITY_CLASS,
    Amounts,
    Claim,
    Container,
    Event,
    Node,
    Pod,
    Quota,
    Taint,
    Term,
    Tolerated,
    Unmade,
)

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
# An init container of this policy goes on beside the others.
_SIDECAR = "Always"


def pod_facts(pod: Any) -> Pod:
    """A V1Pod."""
    spec, status = pod.spec, pod.status
    owner = next((one for one in pod.metadata.owner_references or () if one.controller), None)
    affinity = spec.affinity and spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    groups = tuple(_terms(term) for term in (required.node_selector_terms if required else ()))
    selector = tuple(Term(key, "In", (value,)) for key, value in (spec.node_selector or {}).items())
    single = groups[0] if len(groups) == 1 else ()
    started = status.start_time or pod.metadata.creation_timestamp
    return Pod(
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        phase=status.phase or "Pending",
        node=spec.node_name or "",
        asks=_asks(spec),
        terms=(*selector, *single),
        alternatives=() if single else groups,
        tolerations=tuple(
            Tolerated(one.key, one.operator or "Equal", one.value, one.effect) for one in spec.tolerations or ()
        ),
        claims=tuple(
            one.persistent_volume_claim.claim_name for one in spec.volumes or () if one.persistent_volume_claim
        ),
        gates=tuple(one.name for one in spec.scheduling_gates or ()),
        labels=dict(pod.metadata.labels or {}),
        owner=(owner.kind, owner.name) if owner else ("", ""),
        priority=spec.priority or 0,
        preempts=spec.preemption_policy != "Never",
        priority_class=spec.priority_class_name or "",
        nominated=status.nominated_node_name or "",
        containers=tuple(_containers(status)),
        ready=all(one.status == "True" for one in status.conditions or () if one.type == "Ready"),
        created=pod.metadata.creation_timestamp,
        started=started,
        ends=ending(started, spec.active_deadline_seconds),
        restarts=spec.restart_policy == "Always",
    )


def ending(started: datetime | None, deadline_seconds: int | None) -> datetime | None:
    """When a deadline is over; None where there is none."""
    if started is None or deadline_seconds is None:
        return None
    return started + timedelta(seconds=deadline_seconds)


def node_facts(node: Any) -> Node:
    """A V1Node."""
    ready = next((one.status for one in node.status.conditions or () if one.type == "Ready"), "True")
    return Node(
        name=node.metadata.name,
        labels=dict(node.metadata.labels or {}),
        taints=tuple(
            Taint(one.key, one.value or "", one.effect)
            for one in node.spec.taints or ()
            if one.effect in ("NoSchedule", "NoExecute")
        ),
        offers=amounts(node.status.allocatable),
        cordoned=bool(node.spec.unschedulable),
        ready=ready == "True",
    )


def quota_facts(quota: Any) -> Quota:
    """A V1ResourceQuota."""
    selector = quota.spec.scope_selector
    terms = [
        Term(one.scope_name, one.operator, tuple(one.values or ()))
        for one in (selector.match_expressions or () if selector else ())
    ]
    said = [*(quota.spec.scopes or ()), *(f"{one.key} {one.operator} {', '.join(one.values)}".strip() for one in terms)]
    hard = quota.status.hard or quota.spec.hard
    classes = tuple(one for one in terms if one.key == PRIORITY_CLASS)
    return Quota(quota.metadata.name, amounts(hard), amounts(quota.status.used), "; ".join(said), classes)


def claim_facts(claim: Any) -> Claim:
    """A V1PersistentVolumeClaim."""
    return Claim(claim.metadata.name, claim.status.phase or "Pending", claim.spec.storage_class_name)


def class_facts(classes: Iterable[Any]) -> dict[str, bool]:
    """Names of V1StorageClass objects, and whether each is the default."""
    return {one.metadata.name: (one.metadata.annotations or {}).get(_DEFAULT_CLASS) == "true" for one in classes}


def event_facts(event: Any) -> Event:
    """A CoreV1Event."""
    about = event.involved_object
    return Event(event.reason or "", event.message or "", about.kind or "", about.name or "")


def unmade_facts(kind: str, owner: Any, refused: Mapping[tuple[str, str], str]) -> Unmade:
    """A V1Job, V1ReplicaSet or V1StatefulSet, with the messages of its FailedCreate events by kind and name."""
    name = owner.metadata.name
    return Unmade(
        kind,
        name,
        suspended=kind == "Job" and bool(owner.spec.suspend),
        message=refused.get((kind, name), ""),
        labels=dict(owner.metadata.labels or {}),
    )


def amounts(given: Mapping[str, str] | None) -> Amounts:
    """Quantities such as `500m` and `8Gi` as numbers."""
    from kubernetes.utils.quantity import parse_quantity

    return {name: Decimal(parse_quantity(value)) for name, value in (given or {}).items()}


def _asks(spec: Any) -> Amounts:
    """What the scheduler reserves: all containers together, or an init container that asks for more."""
    total: Amounts = {}
    most: Amounts = {}
    for one in spec.containers:
        _add(total, amounts(one.resources and one.resources.requests))
    for one in spec.init_containers or ():
        requests = amounts(one.resources and one.resources.requests)
        if getattr(one, "restart_policy", None) == _SIDECAR:
            _add(total, requests)
            continue
        for name, amount in requests.items():
            most[name] = max(most.get(name, Decimal(0)), amount)
    for name, amount in most.items():
        total[name] = max(total.get(name, Decimal(0)), amount)
    _add(total, amounts(spec.overhead))
    return total


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount


def _terms(term: Any) -> tuple[Term, ...]:
    return tuple(Term(one.key, one.operator, tuple(one.values or ())) for one in term.match_expressions or ())


def _containers(status: Any) -> Iterable[Container]:
    for one in (*(status.init_container_statuses or ()), *(status.container_statuses or ())):
        waiting = one.state and one.state.waiting
        yield Container(
            one.name, one.image, waiting.reason or "" if waiting else "", waiting.message or "" if waiting else ""
        )
