"""Nodes that would do but for a taint."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.cluster.pending.placement import Place
from pipelines.cluster.pending.snapshot import Cause, Pod, Taint

_CORDONED = "node.kubernetes.io/unschedulable"
_UNWELL = {
    "node.kubernetes.io/not-ready": "its kubelet isn't ready",
    "node.kubernetes.io/unreachable": "its kubelet doesn't answer",
    "node.kubernetes.io/memory-pressure": "it is out of memory",
    "node.kubernetes.io/disk-pressure": "its disk is full",
    "node.kubernetes.io/pid-pressure": "it has too many processes",
    "node.kubernetes.io/network-unavailable": "its network isn't ready",
}


def taint_causes(pod: Pod, barred: Sequence[Place]) -> tuple[Cause, ...]:
    """One cause for each kind of taint that keeps the pod off nodes with the right labels."""
    by_taint: dict[Taint, list[str]] = {}
    for place in barred:
        for taint in place.taints:
            by_taint.setdefault(taint, []).append(place.node.name)
    return tuple(_cause(taint, names) for taint, names in by_taint.items())


def _cause(taint: Taint, names: list[str]) -> Cause:
    nodes = ", ".join(names)
    facts = {"taint": str(taint), "nodes": names}
    if taint.key == _CORDONED:
        return Cause("cordoned", f"node {nodes} is cordoned", f"kubectl uncordon {' '.join(names)}", facts)
    if taint.key in _UNWELL:
        fix = f"kubectl describe node {names[0]}"
        return Cause("node_unwell", f"node {nodes} takes no pods: {_UNWELL[taint.key]}", fix, facts)
    equal = f'operator: Equal, value: "{taint.value}"' if taint.value else "operator: Exists"
    fix = f"give the pod the toleration {{key: {taint.key}, {equal}, effect: {taint.effect}}}"
    what = f"node {nodes} would do, but has the taint {taint}, which the pod doesn't tolerate"
    return Cause("taint", what, f"{fix} (in a profile: tolerations)", facts)
