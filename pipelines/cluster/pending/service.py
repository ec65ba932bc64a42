"""InferenceServices of which KServe makes no pods."""

from __future__ import annotations

from typing import Any

from pipelines.cluster.pending.snapshot import Cause, Unmade

SERVICE = "InferenceService"
# The label of a service's pods, ReplicaSets and Deployments.
SERVICE_LABEL = "serving.kserve.io/inferenceservice"
_STOP = "serving.kserve.io/stop"


def service_facts(service: dict[str, Any]) -> Unmade:
    """A service as the API tells it, with what its controller says first against it."""
    metadata, status = service["metadata"], service.get("status") or {}
    failure = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    told = [one.get("message") or one.get("reason") for one in status.get("conditions", ()) if one["status"] != "True"]
    message = next((str(text) for text in (failure.get("message"), *told) if text), "")
    stopped = (metadata.get("annotations") or {}).get(_STOP) == "true"
    return Unmade(SERVICE, metadata["name"], stopped, message, {SERVICE_LABEL: metadata["name"]})


def service_cause(unmade: Unmade, namespace: str) -> Cause:
    """Why it has no pods."""
    if unmade.suspended:
        start = f"kubectl annotate inferenceservice -n {namespace} {unmade.name} {_STOP}-"
        return Cause("stopped", f"somebody has stopped it (annotation {_STOP})", start)
    if unmade.message:
        fix = f"kubectl describe inferenceservice -n {namespace} {unmade.name}"
        return Cause("service", f"KServe says: {unmade.message}", fix)
    return Cause(
        "no_controller", "KServe's controller has said nothing of it", f"sluice doctor --namespace {namespace}"
    )
