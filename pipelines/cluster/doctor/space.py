"""The namespace: its labels, its quotas, its storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pipelines.cluster.doctor.finding import Finding, fail, ok, warn
from pipelines.cluster.kube import TIMEOUT_SECONDS, Kube, asked, where_allowed
from pipelines.cluster.pending.shortage import amount_text
from pipelines.cluster.pending.snapshot import Quota
from pipelines.cluster.pending.storage import default_class_fix

_LEVEL = "pod-security.kubernetes.io/enforce"
_GPU_QUOTA = "requests.nvidia.com/gpu"
_COMPUTE = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "cpu", "memory")


def namespace_findings(kube: Kube) -> list[Finding]:
    """Whether the namespace is there, and what its labels do."""
    from kubernetes.client.exceptions import ApiException

    with asked(kube, f"namespace {kube.namespace}"):
        try:
            found = kube.core.read_namespace(kube.namespace, _request_timeout=TIMEOUT_SECONDS)
        except ApiException as error:
            if error.status == 404:
                fix = f"kubectl create namespace {kube.namespace}"
                return [fail("namespace", f"there is no namespace {kube.namespace}", fix)]
            if error.status == 403:
                return [warn("namespace", "you may not read it", f"kubectl auth can-i get namespace {kube.namespace}")]
            raise
    return judge_labels(kube.namespace, found.metadata.labels or {})


def judge_labels(name: str, labels: Mapping[str, str]) -> list[Finding]:
    """The Pod Security level, and the label that switches KServe's webhook off."""
    findings = []
    level = labels.get(_LEVEL)
    if level == "restricted":
        what = (
            f"{name} enforces Pod Security restricted: the chart's pods pass; those that KFP adds to a run have to, too"
        )
        fix = f"if steps are refused: kubectl label namespace {name} --overwrite {_LEVEL}=baseline"
        findings.append(warn("pod security", what, fix))
    else:
        findings.append(ok("pod security", f"{name} enforces {level or 'no level'}; the chart's pods pass restricted"))
    if "control-plane" in labels:
        what = (
            f"{name} has the label control-plane: KServe's webhook passes it over, so models are not fetched or mounted"
        )
        findings.append(fail("namespace labels", what, f"kubectl label namespace {name} control-plane-"))
    return findings


def quota_findings(kube: Kube, quotas: Sequence[Quota]) -> list[Finding]:
    """What the namespace may still use."""
    with asked(kube, "LimitRanges"):
        ranges = where_allowed(
            lambda: kube.core.list_namespaced_limit_range(kube.namespace, _request_timeout=TIMEOUT_SECONDS).items, []
        )
    return judge_quotas(kube.namespace, quotas, has_defaults=any(map(_gives_defaults, ranges)))


def judge_quotas(namespace: str, quotas: Sequence[Quota], *, has_defaults: bool) -> list[Finding]:
    """What is left of each quota; whether containers that say nothing get something to count."""
    if not quotas:
        return [ok("quota", f"namespace {namespace} has none")]
    findings = [_judge_quota(namespace, quota) for quota in quotas]
    counted = [quota.name for quota in quotas if any(name in quota.hard for name in _COMPUTE)]
    if counted and not has_defaults:
        what = f"quota {counted[0]} counts CPU or memory; without a LimitRange injected containers are refused"
        findings.append(fail("limit range", what, f"helm upgrade ... --set limitRange.enabled=true -n {namespace}"))
    return findings


def _judge_quota(namespace: str, quota: Quota) -> Finding:
    left = {name: amount - quota.used.get(name, Decimal(0)) for name, amount in quota.hard.items()}
    subject = f"quota {quota.name}"
    edit = f"wait, or: kubectl edit resourcequota -n {namespace} {quota.name}"
    scope = f" (for pods with {quota.scope})" if quota.scope else ""
    said = "left of it" + scope + ": " + ", ".join(amount_text(name, amount) for name, amount in left.items())
    gone = [name for name, amount in left.items() if amount <= 0 and quota.hard[name] > 0]
    if gone:
        return warn(subject, f"{', '.join(gone)} used up; {said}", edit)
    none = [name for name, amount in quota.hard.items() if amount == 0 and name == _GPU_QUOTA]
    return warn(subject, f"allows no GPU; {said}", edit) if none else ok(subject, said)


def judge_storage(classes: Mapping[str, bool] | None) -> Finding:
    """Whether a claim that names no StorageClass gets a volume."""
    if classes is None:
        return warn("storage", "you may not read storage classes", "kubectl auth can-i list storageclasses")
    default = [name for name, is_default in classes.items() if is_default]
    if len(default) == 1:
        return ok("storage", f"StorageClass {default[0]} is the default; the store wants ReadWriteMany from it")
    if not classes:
        return fail("storage", "the cluster has no StorageClass", default_class_fix({}))
    if default:
        what = f"{', '.join(default)} are all the default: the newest wins"
        return warn(
            "storage", what, f"kubectl annotate storageclass {default[0]} storageclass.kubernetes.io/is-default-class-"
        )
    return fail(
        "storage", f"no StorageClass is the default; there is {', '.join(classes)}", default_class_fix(dict(classes))
    )


def _gives_defaults(limit_range: Any) -> bool:
    return any(one.type == "Container" and one.default_request for one in limit_range.spec.limits or ())
