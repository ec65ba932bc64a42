"""What is to say of a pod that waits, or of a controller without pods."""

from __future__ import annotations

import re

from pipelines.cluster.pending.containers import container_causes, probe_cause, volume_causes
from pipelines.cluster.pending.labels import label_causes
from pipelines.cluster.pending.placement import Place, places
from pipelines.cluster.pending.refusals import refusal_cause
from pipelines.cluster.pending.service import SERVICE, service_cause
from pipelines.cluster.pending.shortage import shortage_causes
from pipelines.cluster.pending.snapshot import Cause, Explanation, Pod, Surroundings, Unmade
from pipelines.cluster.pending.storage import claim_causes
from pipelines.cluster.pending.taints import taint_causes

_KUEUE = "kueue.x-k8s.io/"
_QUEUE = f"{_KUEUE}queue-name"


def explain_pod(pod: Pod, around: Surroundings) -> Explanation:
    """Why a pod waits, or what it does instead."""
    subject = f"pod {pod.full_name}"
    stuck = container_causes(pod) or volume_causes(pod, around)
    if pod.over:
        return Explanation(subject, f"has ended: {pod.phase}")
    if stuck:
        return Explanation(subject, f"doesn't begin on node {pod.node}" if pod.node else "doesn't begin", stuck)
    if pod.phase == "Running" and not pod.ready:
        return Explanation(subject, f"runs on node {pod.node} and isn't ready", (probe_cause(pod, around),))
    if pod.node:
        state = "runs" if pod.phase == "Running" else "begins"
        return Explanation(subject, f"{state} on node {pod.node}")
    return Explanation(subject, "waits", _waiting(pod, around))


def explain_unmade(unmade: Unmade, around: Surroundings) -> Explanation:
    """Why a controller makes no pods."""
    subject = f"{unmade.kind} {around.namespace}/{unmade.name}"
    if unmade.kind == SERVICE:
        return Explanation(subject, "has no pods", (service_cause(unmade, around.namespace),))
    if unmade.message:
        return Explanation(subject, "can't make its pod", (refusal_cause(unmade, around),))
    if unmade.suspended:
        return Explanation(subject, "is suspended", (_suspended(unmade, around),))
    return Explanation(subject, "has no pod yet")


def _waiting(pod: Pod, around: Surroundings) -> tuple[Cause, ...]:
    if pod.gates:
        return (_gated(pod, around),)
    claims = claim_causes(pod, around)
    if not around.nodes:
        fix = "add one, or ask for the right to read them: kubectl auth can-i list nodes"
        return (*claims, Cause("no_node", "no node of the cluster is to be seen", fix))
    all_places = places(pod, around)
    placing = _placing(pod, all_places, around)
    return (*claims, *placing) or (_untold(pod, all_places, around),)


def _placing(pod: Pod, all_places: tuple[Place, ...], around: Surroundings) -> tuple[Cause, ...]:
    fitting = tuple(place for place in all_places if place.fits_labels)
    if not fitting:
        return label_causes(pod, around)
    borne = tuple(place for place in fitting if not place.taints)
    if not borne:
        held = () if any(not place.short for place in fitting) else shortage_causes(pod, fitting, around)
        return (*taint_causes(pod, fitting), *held)
    if any(not place.short for place in borne):
        return ()
    short = shortage_causes(pod, borne, around)
    # A free node behind a taint is worth knowing of, too.
    behind = tuple(place for place in fitting if place.taints and not place.short)
    return (*short, *taint_causes(pod, behind)) if behind else short


def _gated(pod: Pod, around: Surroundings) -> Cause:
    gates = ", ".join(pod.gates)
    if any(gate.startswith(_KUEUE) for gate in pod.gates):
        return _queued(pod.name, pod.labels.get(_QUEUE, ""), pod.owner[1], around)
    fix = f"ask whoever sets the gate, or: kubectl edit pod -n {pod.namespace} {pod.name} (spec.schedulingGates)"
    return Cause("gated", f"the scheduler leaves it alone while it has the gate {gates}", fix, {"gates": pod.gates})


def _suspended(unmade: Unmade, around: Surroundings) -> Cause:
    if _QUEUE in unmade.labels or unmade.name in around.queued:
        return _queued(unmade.name, unmade.labels.get(_QUEUE, ""), unmade.name, around)
    patch = f"""kubectl patch job -n {around.namespace} {unmade.name} -p '{{"spec": {{"suspend": false}}}}'"""
    return Cause("suspended", "somebody has suspended it (spec.suspend)", patch)


def _queued(name: str, queue: str, owner: str, around: Surroundings) -> Cause:
    said = around.queued.get(name) or around.queued.get(owner) or "Kueue has said nothing of it yet"
    where = f"queue {queue}" if queue else "its queue"
    fix = f"wait, or see what the queue has left: kubectl get workloads,localqueues -n {around.namespace}"
    return Cause("queued", f"Kueue holds it back in {where}: {said}", fix, {"queue": queue, "kueue": said})


def _untold(pod: Pod, all_places: tuple[Place, ...], around: Surroundings) -> Cause:
    """Nothing that we know of speaks against some node: the scheduler is at work, or knows more than we."""
    said = next(
        (
            event.message
            for event in reversed(around.events)
            if event.name == pod.name and event.reason == "FailedScheduling"
        ),
        "",
    )
    free = ", ".join(
        place.node.name for place in all_places if place.fits_labels and not place.taints and not place.short
    )
    if pod.nominated:
        what = f"place is being made for it on node {pod.nominated}"
        return Cause("preempting", what, "wait until the pods that were told to go have ended", {"node": pod.nominated})
    if said:
        text = re.sub(r"\s+", " ", said)
        fix = f"kubectl describe pod -n {pod.namespace} {pod.name}"
        return Cause("other", f"the scheduler says: {text}", fix, {"nodes": free})
    what = f"the scheduler hasn't decided yet; node {free} would do" if free else "the scheduler hasn't decided yet"
    return Cause("undecided", what, "look again in a few seconds", {"nodes": free})
