"""What we may do: SelfSubjectAccessReviews."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.cluster.doctor.finding import Finding, ok, warn
from pipelines.cluster.kube import TIMEOUT_SECONDS, Kube, asked


@dataclass(frozen=True)
class Right:
    """Leave to do something; `group` is empty for the core API, `everywhere` for objects without a namespace."""

    verb: str
    resource: str
    group: str = ""
    everywhere: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' + self.group if self.group else ''}"


_KFP = "pipelines.kubeflow.org"
# KFP asks for the first only where it has many users.
RIGHTS: dict[str, tuple[Right, ...]] = {
    "sluice submit, where KFP has many users": tuple(
        Right(verb, resource, _KFP)
        for verb, resource in (
            ("list", "pipelines"),
            ("create", "pipelines"),
            ("create", "pipelines/versions"),
            ("create", "experiments"),
            ("create", "runs"),
            ("get", "runs"),
            ("create", "jobs"),
        )
    ),
    "sluice submit through a port-forward": (Right("create", "pods/portforward"),),
    "sluice why": (
        Right("list", "pods"),
        Right("list", "events"),
        Right("list", "resourcequotas"),
        Right("list", "persistentvolumeclaims"),
        Right("list", "jobs", "batch"),
        Right("list", "nodes", everywhere=True),
    ),
    "helm install": (
        Right("create", "inferenceservices", "serving.kserve.io"),
        Right("create", "servingruntimes", "serving.kserve.io"),
        Right("create", "configmaps"),
        Right("create", "secrets"),
        Right("create", "persistentvolumeclaims"),
        Right("create", "resourcequotas"),
        Right("create", "limitranges"),
        Right("create", "roles", "rbac.authorization.k8s.io"),
        Right("create", "networkpolicies", "networking.k8s.io"),
        Right("create", "priorityclasses", "scheduling.k8s.io", everywhere=True),
    ),
}


def right_findings(kube: Kube) -> list[Finding]:
    """What is missing for each command."""
    return [_finding(kube, use, rights) for use, rights in RIGHTS.items()]


def may(kube: Kube, right: Right) -> bool:
    """Whether the API would let us.

    Raises:
        InputError: the API doesn't answer.
    """
    from kubernetes import client

    resource, _, subresource = right.resource.partition("/")
    attributes = client.V1ResourceAttributes(
        verb=right.verb,
        resource=resource,
        subresource=subresource or None,
        group=right.group,
        namespace=None if right.everywhere else kube.namespace,
    )
    body = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    with asked(kube, "what you may do"):
        review = client.AuthorizationV1Api(kube.client).create_self_subject_access_review(
            body, _request_timeout=TIMEOUT_SECONDS
        )
    return bool(review.status.allowed)


def _finding(kube: Kube, use: str, rights: tuple[Right, ...]) -> Finding:
    denied = [right for right in rights if not may(kube, right)]
    if not denied:
        return ok(f"rights: {use}", f"all in namespace {kube.namespace}")
    first = denied[0]
    kind, scope = ("clusterrole", "") if first.everywhere else ("role", f" -n {kube.namespace}")
    listed = ", ".join(map(str, denied))
    name = f"{first.resource.replace('/', '-')}-{first.verb}"
    group = f".{first.group}" if first.group else ""
    make = f"kubectl create {kind} {name}{scope} --verb={first.verb} --resource={_with_group(first, group)}"
    bind = f"kubectl create {kind}binding {name}{scope} --{kind}={name} --user=YOU"
    fix = f"an administrator: {make} && {bind}"
    return warn(f"rights: {use}", f"you may not {listed}", fix)


def _with_group(right: Right, group: str) -> str:
    """As `kubectl create role --resource` takes it: the group before the subresource."""
    resource, _, subresource = right.resource.partition("/")
    return f"{resource}{group}/{subresource}" if subresource else f"{resource}{group}"
