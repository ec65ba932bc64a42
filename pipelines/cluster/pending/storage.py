"""Claims that a pod mounts and that aren't there, or aren't bound."""

from __future__ import annotations

from components.dataset.errors import nearest
from pipelines.cluster.pending.snapshot import Cause, Claim, Pod, Surroundings

# A claim without a volume for it; a provisioner that says no; one that was asked and hasn't answered, or isn't there.
_UNFILLED = ("FailedBinding", "ProvisioningFailed", "ExternalProvisioning")


def claim_causes(pod: Pod, around: Surroundings) -> tuple[Cause, ...]:
    """What is wrong with each claim; one that waits for its first pod is all right."""
    known = {claim.name: claim for claim in around.claims}
    causes = (
        _missing(name, pod, around) if name not in known else _unbound(known[name], pod, around) for name in pod.claims
    )
    return tuple(cause for cause in causes if cause)


def _missing(name: str, pod: Pod, around: Surroundings) -> Cause:
    near = nearest(name, [claim.name for claim in around.claims])
    fix = f"did you mean {near}?" if near else f"make it, or see: kubectl get pvc -n {pod.namespace}"
    return Cause(
        "no_claim", f"there is no claim {name} in namespace {pod.namespace}", fix, {"claim": name, "nearest": near}
    )


def _unbound(claim: Claim, pod: Pod, around: Surroundings) -> Cause | None:
    if claim.phase == "Bound":
        return None
    facts = {"claim": claim.name, "phase": claim.phase, "storage_class": claim.storage_class}
    edit = f"see: kubectl describe pvc -n {pod.namespace} {claim.name}"
    if claim.phase == "Lost":
        return Cause("claim_lost", f"the volume of claim {claim.name} is gone", edit, facts)
    if claim.storage_class is None and not any(around.classes.values()):
        what = f"claim {claim.name} names no StorageClass, and the cluster has no default one"
        return Cause("claim_unbound", what, default_class_fix(around.classes), facts)
    if claim.storage_class and claim.storage_class not in around.classes:
        near = nearest(claim.storage_class, around.classes)
        what = f"claim {claim.name} asks for StorageClass {claim.storage_class}, which isn't there"
        fix = f"make the claim anew with {near or 'one of: ' + (', '.join(around.classes) or 'none')}"
        return Cause("claim_unbound", what, fix, facts)
    said = [one for one in around.events if (one.kind, one.name) == ("PersistentVolumeClaim", claim.name)]
    if said and said[-1].reason in _UNFILLED:
        return Cause("claim_unbound", f"claim {claim.name} isn't filled: {said[-1].message}", edit, facts)
    return None


def default_class_fix(classes: dict[str, bool]) -> str:
    """The command that makes a StorageClass the default."""
    if not classes:
        return "install a storage provisioner"
    note = '{"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}'
    return f"kubectl patch storageclass {min(classes)} -p '{note}'"
