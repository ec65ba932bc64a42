"""Reads the snapshot from the cluster's API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from components.dataset.errors import nearest
from components.errors import InputError
from pipelines.cluster.kube import TIMEOUT_SECONDS, Kube, asked, where_allowed
from pipelines.cluster.pending.facts import (
    claim_facts,
    class_facts,
    ending,
    event_facts,
    node_facts,
    pod_facts,
    quota_facts,
    unmade_facts,
)
from pipelines.cluster.pending.service import SERVICE_LABEL, service_facts
from pipelines.cluster.pending.snapshot import Pod, Surroundings, Unmade

_ALL = {"_request_timeout": TIMEOUT_SECONDS}
# Labels whose value names what a pod belongs to: a KFP run, its workflow, a Job, an InferenceService.
_BELONGS = (
    "pipeline/runid",
    "workflows.argoproj.io/workflow",
    "batch.kubernetes.io/job-name",
    SERVICE_LABEL,
)
_REFUSALS = ("forbidden", "exceeded quota", "failed quota")


def read_surroundings(kube: Kube) -> Surroundings:
    """All that an explanation needs, but for what we may not read.

    Raises:
        InputError: the cluster can't be reached, or not even the namespace's pods may be read.
    """
    from kubernetes import client

    with asked(kube, f"pods of namespace {kube.namespace}"):
        core, storage = kube.core, client.StorageV1Api(kube.client)
        own = core.list_namespaced_pod(kube.namespace, **_ALL).items
        pods = where_allowed(lambda: core.list_pod_for_all_namespaces(**_ALL).items, own)
        events = where_allowed(lambda: core.list_namespaced_event(kube.namespace, **_ALL).items, [])
        deadlines = _deadlines(kube)
        return Surroundings(
            namespace=kube.namespace,
            now=datetime.now(UTC),
            nodes=tuple(map(node_facts, where_allowed(lambda: core.list_node(**_ALL).items, []))),
            pods=tuple(_with_deadline(pod_facts(pod), deadlines) for pod in pods),
            quotas=_listed(lambda: core.list_namespaced_resource_quota(kube.namespace, **_ALL), quota_facts),
            claims=_listed(lambda: core.list_namespaced_persistent_volume_claim(kube.namespace, **_ALL), claim_facts),
            classes=class_facts(where_allowed(lambda: storage.list_storage_class(**_ALL).items, [])),
            events=tuple(map(event_facts, sorted(events, key=_when))),
            queued=_queued(kube),
        )


def read_unmade(kube: Kube, around: Surroundings) -> tuple[Unmade, ...]:
    """Controllers of the namespace that lack pods: refused, or suspended.

    Raises:
        InputError: the cluster can't be reached.
    """
    from kubernetes import client

    refused = {(one.kind, one.name): one.message for one in around.events if one.reason == "FailedCreate"}
    batch, apps = client.BatchV1Api(kube.client), client.AppsV1Api(kube.client)
    name = kube.namespace
    with asked(kube, f"Jobs of namespace {name}"):
        jobs = where_allowed(lambda: batch.list_namespaced_job(name, **_ALL).items, [])
        sets = where_allowed(lambda: apps.list_namespaced_replica_set(name, **_ALL).items, [])
        stateful = where_allowed(lambda: apps.list_namespaced_stateful_set(name, **_ALL).items, [])
        workflows, services = _workflows(kube), _services(kube)
    found = [unmade_facts("Job", job, refused) for job in jobs if _lacks_job_pods(job)]
    found += [unmade_facts("ReplicaSet", one, refused) for one in sets if _lacks_replicas(one)]
    found += [unmade_facts("StatefulSet", one, refused) for one in stateful if _lacks_replicas(one)]
    refusals = [one for one in found if one.message or one.suspended]
    # A service whose pods are there, or were refused, is told by those.
    told = {pod.labels.get(SERVICE_LABEL) for pod in around.own} | {one.labels.get(SERVICE_LABEL) for one in refusals}
    return (*refusals, *workflows, *(one for one in services if one.name not in told))


def chosen(name: str, around: Surroundings, unmade: tuple[Unmade, ...]) -> tuple[tuple[Pod, ...], tuple[Unmade, ...]]:
    """What a name means: a pod, a run, a Job, a Deployment, a service; all that waits where it is empty.

    Raises:
        InputError: it means nothing here.
    """
    own = around.own
    if not name:
        return tuple(pod for pod in own if _waits(pod)), unmade
    exact = tuple(pod for pod in own if pod.name == name)
    if exact:
        return exact, ()
    pods = tuple(pod for pod in own if _belongs(name, pod.name, pod.labels))
    controllers = tuple(one for one in unmade if one.name == name or _belongs(name, one.name, one.labels))
    if pods or controllers:
        return pods, controllers
    known = {pod.name for pod in own} | {one.name for one in unmade}
    near = nearest(name, known)
    fix = f"did you mean {near}?" if near else f"see: kubectl get pods -A -l pipeline/runid={name}"
    raise InputError(f"{around.namespace}/{name}", "there is no pod, run or controller of that name that has pods", fix)


def _belongs(name: str, own: str, labels: Mapping[str, str]) -> bool:
    return any(labels.get(label) == name for label in _BELONGS) or own.startswith(f"{name}-")


def _waits(pod: Pod) -> bool:
    """Whether it has not begun, or has begun and doesn't answer."""
    return not pod.over and (pod.phase == "Pending" or not pod.ready)


def _listed(ask: Any, facts: Any) -> tuple[Any, ...]:
    return tuple(map(facts, where_allowed(lambda: ask().items, [])))


def _when(event: Any) -> datetime:
    moment = event.last_timestamp or event.event_time or event.metadata.creation_timestamp
    return moment if isinstance(moment, datetime) else datetime.min.replace(tzinfo=UTC)


def _deadlines(kube: Kube) -> dict[tuple[str, str], datetime]:
    """When each Job is ended, by namespace and name."""
    from kubernetes import client

    batch = client.BatchV1Api(kube.client)
    own = where_allowed(lambda: batch.list_namespaced_job(kube.namespace, **_ALL).items, [])
    jobs = where_allowed(lambda: batch.list_job_for_all_namespaces(**_ALL).items, own)
    ends = {
        (job.metadata.namespace, job.metadata.name): ending(job.status.start_time, job.spec.active_deadline_seconds)
        for job in jobs
    }
    return {key: end for key, end in ends.items() if end}


def _with_deadline(pod: Pod, deadlines: Mapping[tuple[str, str], datetime]) -> Pod:
    kind, owner = pod.owner
    end = deadlines.get((pod.namespace, owner)) if kind == "Job" else None
    known = [moment for moment in (pod.ends, end) if moment]
    return replace(pod, ends=min(known)) if known else pod


def _lacks_job_pods(job: Any) -> bool:
    ended = any(one.type in ("Complete", "Failed") and one.status == "True" for one in job.status.conditions or ())
    return not ended and not job.status.active


def _lacks_replicas(controller: Any) -> bool:
    return (controller.status.replicas or 0) < (controller.spec.replicas or 0)


def _queued(kube: Kube) -> dict[str, str]:
    """What Kueue says of each workload without a place, by its owner's name; nothing where there is no Kueue."""
    found: dict[str, str] = {}
    for version in ("v1beta1", "v1beta2"):
        for workload in _custom(kube, "kueue.x-k8s.io", version, "workloads"):
            conditions = {one["type"]: one for one in workload.get("status", {}).get("conditions", ())}
            reserved = conditions.get("QuotaReserved", {})
            for owner in workload["metadata"].get("ownerReferences", ()) if reserved.get("status") == "False" else ():
                found[owner["name"]] = str(reserved.get("message", ""))
    return found


def _workflows(kube: Kube) -> tuple[Unmade, ...]:
    """Argo, which KFP runs on, makes pods itself: what refused them stands in the workflow's nodes."""
    found = []
    for workflow in _custom(kube, "argoproj.io", "v1alpha1", "workflows"):
        for node in (workflow.get("status", {}).get("nodes") or {}).values():
            message = str(node.get("message") or "")
            if node.get("phase") in ("Pending", "Error") and any(word in message for word in _REFUSALS):
                metadata = workflow["metadata"]
                found.append(
                    Unmade("Workflow", metadata["name"], message=message, labels=dict(metadata.get("labels") or {}))
                )
    return tuple(found)


def _services(kube: Kube) -> tuple[Unmade, ...]:
    return tuple(map(service_facts, _custom(kube, "serving.kserve.io", "v1beta1", "inferenceservices")))


def _custom(kube: Kube, group: str, version: str, plural: str) -> list[dict[str, Any]]:
    answer = where_allowed(
        lambda: kube.custom.list_namespaced_custom_object(group, version, kube.namespace, plural, **_ALL), {}
    )
    return list(answer.get("items", ()))
