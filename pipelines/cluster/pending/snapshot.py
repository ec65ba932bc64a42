"""What is known of a pod and of the cluster around it at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

GPU = "nvidia.com/gpu"
# The scope of a quota that counts pods by their PriorityClass.
PRIORITY_CLASS = "PriorityClass"
Amounts = dict[str, Decimal]


@dataclass(frozen=True)
class Term:
    """One condition on a node's labels: of the nodeSelector (`In` one value) or of the node affinity."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tolerated:
    """A taint that a pod bears; None stands for any."""

    key: str | None
    operator: str
    value: str | None
    effect: str | None


@dataclass(frozen=True)
class Taint:
    """A mark of a node that keeps pods off."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return f"{self.key}{'=' + self.value if self.value else ''}:{self.effect}"


@dataclass(frozen=True)
class Container:
    """Why a container hasn't begun, as the kubelet says it."""

    name: str
    image: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Pod:
    """A pod.

    Attributes:
        namespace: where it is.
        name: of it.
        phase: Pending, Running, Succeeded, Failed.
        node: that it is on; empty for none.
        asks: resources, the greater of its containers' sum and each init container.
        terms: conditions on the node that must all hold.
        alternatives: further conditions, of which one group must hold whole; empty for none.
        tolerations: taints it bears.
        claims: names of the claims it mounts.
        gates: scheduling gates.
        labels: of it.
        owner: kind and name of its controller; empty for none.
        priority: of it.
        preempts: whether it may take the place of pods with a lower priority.
        priority_class: name of its PriorityClass.
        nominated: node where place is made for it.
        containers: why they haven't begun.
        ready: whether it answers, as its probes say.
        created: when.
        started: when it was placed.
        ends: when it is ended at the latest; None for never.
        restarts: whether its containers are begun again for ever.
    """

    namespace: str
    name: str
    phase: str
    node: str = ""
    asks: Amounts = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    alternatives: tuple[tuple[Term, ...], ...] = ()
    tolerations: tuple[Tolerated, ...] = ()
    claims: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    owner: tuple[str, str] = ("", "")
    priority: int = 0
    preempts: bool = True
    priority_class: str = ""
    nominated: str = ""
    containers: tuple[Container, ...] = ()
    ready: bool = True
    created: datetime | None = None
    started: datetime | None = None
    ends: datetime | None = None
    restarts: bool = False

    @property
    def full_name(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"

    @property
    def over(self) -> bool:
        """Whether it holds nothing any more."""
        return self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True)
class Node:
    """A node.

    Attributes:
        name: of it.
        labels: of it.
        taints: of it, those that keep pods off.
        offers: resources for pods.
        cordoned: whether it takes no new pods.
        ready: whether its kubelet says so.
    """

    name: str
    labels: dict[str, str]
    taints: tuple[Taint, ...]
    offers: Amounts
    cordoned: bool = False
    ready: bool = True


@dataclass(frozen=True)
class Quota:
    """A ResourceQuota.

    Attributes:
        name: of it.
        hard: what is allowed, by resource.
        used: what is used.
        scope: which pods it counts, in words; empty for all.
        classes: conditions on the PriorityClass of the pods that it counts.
    """

    name: str
    hard: Amounts
    used: Amounts
    scope: str = ""
    classes: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim on storage; `storage_class` is None where it names none, and gets the cluster's default."""

    name: str
    phase: str
    storage_class: str | None


@dataclass(frozen=True)
class Event:
    """What a controller says of an object."""

    reason: str
    message: str
    kind: str
    name: str


@dataclass(frozen=True)
class Unmade:
    """A controller that can't make its pods, or isn't let to.

    Attributes:
        kind: Job, ReplicaSet, StatefulSet, Workflow, InferenceService.
        name: of it.
        suspended: whether it waits to be let in, or is stopped.
        message: why its pods were refused, or aren't made.
        labels: of it.
    """

    kind: str
    name: str
    suspended: bool = False
    message: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """The cluster around what is asked about.

    Attributes:
        namespace: that is asked about.
        now: when it was read.
        nodes: all.
        pods: of all namespaces where we may read them, else of ours.
        quotas: of the namespace.
        claims: of the namespace.
        classes: storage classes, and whether each is the default.
        events: of the namespace, oldest first.
        queued: what Kueue says of a workload that waits, by the name of its owner.
    """

    namespace: str
    now: datetime
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    quotas: tuple[Quota, ...] = ()
    claims: tuple[Claim, ...] = ()
    classes: dict[str, bool] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    queued: dict[str, str] = field(default_factory=dict)

    @property
    def own(self) -> tuple[Pod, ...]:
        """The pods of the namespace that is asked about."""
        return tuple(pod for pod in self.pods if pod.namespace == self.namespace)

    def on(self, node: Node) -> tuple[Pod, ...]:
        """The pods that hold something of a node."""
        return tuple(pod for pod in self.pods if pod.node == node.name and not pod.over)

    def free(self, node: Node) -> Amounts:
        """What a node has left."""
        left = dict(node.offers)
        left["pods"] = left.get("pods", Decimal(110)) - len(self.on(node))
        for pod in self.on(node):
            for resource, amount in pod.asks.items():
                left[resource] = left.get(resource, Decimal(0)) - amount
        return left


@dataclass(frozen=True)
class Cause:
    """One reason to wait.

    Attributes:
        kind: in one word, for scripts.
        what: in a sentence.
        fix: what to do about it, a command where one does it.
        facts: names and figures, for scripts.
    """

    kind: str
    what: str
    fix: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """What is to say of one pod, or of one controller without pods."""

    subject: str
    state: str
    causes: tuple[Cause, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        causes = [{"kind": one.kind, "what": one.what, "fix": one.fix, **one.facts} for one in self.causes]
        return {"subject": self.subject, "state": self.state, "causes": causes}
