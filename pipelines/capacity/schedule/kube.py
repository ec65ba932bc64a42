"""What kube-scheduler does with the same jobs as pods: whole cards (`nvidia.com/gpu`), priorities, pre-emption.

A model of Kubernetes 1.34 in its default configuration. It follows these plugins of the sources, under
pkg/scheduler/framework/plugins: queuesort (priority, then age), noderesources (fit, then LeastAllocated and
BalancedAllocation over CPU and memory: cards take no part in the score) and defaultpreemption (which pods have to go,
and from which node). It leaves out disruption budgets, taints, affinity between pods, quotas and the time that pods
take to end. It also leaves out that a pod which found no node backs off, 1 s at first and 10 s at most
(pkg/scheduler/backend/queue, backoff_queue.go): of cards that fall free within 10 s of one another, a pod that came
later may have the second. kube-scheduler knows nothing of windows, of what comes after what, nor how long a pod will
run. Among equally good nodes it takes any: the model takes the first, or what it is told, and names the others.

tests/cluster/test_cluster_scheduler.py holds it against the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from pipelines.capacity.schedule.fit import whole_seconds
from pipelines.capacity.schedule.jobs import CPU, Job

# What a pod that asks for nothing counts when nodes are scored (pkg/scheduler/util, pod_resources.go).
_DEFAULT_MILLICORES = 100
_DEFAULT_BYTES = 200 * 2**20
_MOST = 100
# Added to each victim's priority, so that more victims always sum to more (pkg/scheduler/framework/preemption).
_ABOVE_ANY_NEGATIVE = 2**31


@dataclass(frozen=True)
class Pod:
    """A pod that wants cards.

    Attributes:
        name: of the pod.
        kinds: of cards that would do (node selector or affinity on `nvidia.com/gpu.product`).
        priority: value of its PriorityClass.
        gpus: whole cards.
        cpu_millicores: that it requests.
        memory_bytes: of the node's memory, that it requests.
        created_s: second at which it is created.
        seconds: by kind, until its containers exit; a kind that is missing runs on without end.
        preempts: its PriorityClass has the policy PreemptLowerPriority.
        recreated: a Job makes it again when it was pre-empted.
    """

    name: str
    kinds: tuple[str, ...]
    priority: int = 0
    gpus: int = 1
    cpu_millicores: int = 0
    memory_bytes: int = 0
    created_s: int = 0
    seconds: Mapping[str, int] = field(default_factory=dict)
    preempts: bool = True
    recreated: bool = True


@dataclass(frozen=True)
class Node:
    """A node: its kind of cards, how many, and what else pods can have of it."""

    name: str
    kind: str
    gpus: int
    cpu_millicores: int
    memory_bytes: int


@dataclass(frozen=True)
class Binding:
    """A pod on a node.

    Attributes:
        pod: its name.
        node: on which it runs.
        begin_s: second at which it is bound.
        end_s: second at which it exits or is pre-empted; None where it runs on.
        preempted: that is how it ended.
        equally_good: all nodes that kube-scheduler might as well have taken, this one among them.
    """

    pod: str
    node: str
    begin_s: int
    end_s: int | None
    preempted: bool
    equally_good: tuple[str, ...]


@dataclass(frozen=True)
class Expected:
    """What becomes of pods: their bindings in order of time, and the names of those that are pending in the end."""

    bindings: tuple[Binding, ...]
    pending: tuple[str, ...]


def pods_of(jobs: Iterable[Job], cpu_millicores: int = 0, memory_bytes: int = 0) -> tuple[Pod, ...]:
    """One pod of one card for each job that can have one, all with the same requests of CPU and node memory."""
    return tuple(
        Pod(
            name=job.name,
            kinds=tuple(kind for kind in job.seconds if kind != CPU),
            priority=job.priority,
            cpu_millicores=cpu_millicores,
            memory_bytes=memory_bytes,
            created_s=job.release_s,
            seconds={kind: whole_seconds(seconds) for kind, seconds in job.seconds.items() if kind != CPU},
            recreated=job.preemptible,
        )
        for job in jobs
        if set(job.seconds) != {CPU}
    )


# Of a pod's name and the nodes that are equally good for it, the one that is taken.
Choose = Callable[[str, tuple[str, ...]], str]


def first_of(pod: str, equally_good: tuple[str, ...]) -> str:
    """The first of the equally good nodes."""
    return equally_good[0]


def expected_placement(pods: Sequence[Pod], nodes: Sequence[Node], choose: Choose = first_of) -> Expected:
    """Where pods are bound and when, which are pre-empted, and which stay pending.

    Args:
        pods: that are created.
        nodes: that there are.
        choose: among equally good nodes; to follow what a real scheduler took, say that.
    """
    return _Scheduler(pods, nodes, choose).run()


@dataclass(eq=False, slots=True)
class _Bound:
    pod: Pod
    begin_s: int
    equally_good: tuple[str, ...]


class _Scheduler:
    def __init__(self, pods: Sequence[Pod], nodes: Sequence[Node], choose: Choose) -> None:
        self._choose = choose
        self._nodes = {node.name: node for node in nodes}
        self._on: dict[str, list[_Bound]] = {node.name: [] for node in nodes}
        self._pending: list[tuple[int, int, int, Pod]] = []
        self._events: list[tuple[int, int, Pod | tuple[str, _Bound]]] = []
        self._count = 0
        self._bindings: list[Binding] = []
        for pod in pods:
            self._at(pod.created_s, pod)

    def run(self) -> Expected:
        while self._events:
            now = self._events[0][0]
            while self._events and self._events[0][0] == now:
                what = heappop(self._events)[2]
                if isinstance(what, Pod):
                    self._queue(what, now)
                elif what[1] in self._on[what[0]]:
                    self._off(what[0], what[1], now, preempted=False)
            self._schedule(now)
        running = [self._binding(name, each, None, False) for name, there in self._on.items() for each in there]
        bindings = sorted([*self._bindings, *running], key=lambda each: (each.begin_s, each.node, each.pod))
        return Expected(tuple(bindings), tuple(pod.name for *_, pod in sorted(self._pending)))

    def _at(self, second: int, what: Pod | tuple[str, _Bound]) -> None:
        self._count += 1
        heappush(self._events, (second, self._count, what))

    def _queue(self, pod: Pod, now: int) -> None:
        self._count += 1
        heappush(self._pending, (-pod.priority, now, self._count, pod))

    def _schedule(self, now: int) -> None:
        """Takes pods by priority and age; a pod that was pre-empted is looked at again in the same second."""
        tried = []
        while self._pending:
            entry = heappop(self._pending)
            if not self._bind(entry[3], now):
                tried.append(entry)
        for entry in tried:
            heappush(self._pending, entry)

    def _bind(self, pod: Pod, now: int) -> bool:
        scores = {name: self._score(pod, node) for name, node in self._nodes.items() if self._fits(pod, node, ())}
        victims: dict[str, list[_Bound]] = {}
        if scores:
            best = max(scores.values())
            equally_good = tuple(name for name, score in scores.items() if score == best)
        else:
            victims = self._victims(pod) if pod.preempts else {}
            if not victims:
                return False
            lowest = min(map(_regret, victims.values()))
            equally_good = tuple(name for name, each in victims.items() if _regret(each) == lowest)
        node = self._choose(pod.name, equally_good)
        for each in victims.get(node, ()):
            self._off(node, each, now, preempted=True)
        self._on_node(node, _Bound(pod, now, equally_good))
        return True

    def _on_node(self, node: str, bound: _Bound) -> None:
        self._on[node].append(bound)
        seconds = bound.pod.seconds.get(self._nodes[node].kind)
        if seconds is not None:
            self._at(bound.begin_s + seconds, (node, bound))

    def _off(self, node: str, bound: _Bound, now: int, preempted: bool) -> None:
        self._on[node].remove(bound)
        self._bindings.append(self._binding(node, bound, now, preempted))
        if preempted and bound.pod.recreated:
            self._queue(replace(bound.pod, created_s=now), now)

    def _binding(self, node: str, bound: _Bound, end_s: int | None, preempted: bool) -> Binding:
        return Binding(bound.pod.name, node, bound.begin_s, end_s, preempted, bound.equally_good)

    def _fits(self, pod: Pod, node: Node, gone: Sequence[_Bound]) -> bool:
        there = [each.pod for each in self._on[node.name] if each not in gone]
        return (
            node.kind in pod.kinds
            and pod.gpus + sum(each.gpus for each in there) <= node.gpus
            and pod.cpu_millicores + sum(each.cpu_millicores for each in there) <= node.cpu_millicores
            and pod.memory_bytes + sum(each.memory_bytes for each in there) <= node.memory_bytes
        )

    def _score(self, pod: Pod, node: Node) -> int:
        pods = [pod, *(each.pod for each in self._on[node.name])]
        least = (
            _free(sum(each.cpu_millicores or _DEFAULT_MILLICORES for each in pods), node.cpu_millicores)
            + _free(sum(each.memory_bytes or _DEFAULT_BYTES for each in pods), node.memory_bytes)
        ) // 2
        if not (pod.cpu_millicores or pod.memory_bytes):
            return least
        cpu = sum(each.cpu_millicores for each in pods) / node.cpu_millicores
        memory = sum(each.memory_bytes for each in pods) / node.memory_bytes
        return least + int((1 - abs(min(1.0, cpu) - min(1.0, memory)) / 2) * _MOST)

    def _victims(self, pod: Pod) -> dict[str, list[_Bound]]:
        """By node, the pods that would have to go; nodes on which that doesn't help are missing."""
        found = {}
        for name, node in self._nodes.items():
            gone = [each for each in self._on[name] if each.pod.priority < pod.priority]
            if not gone or not self._fits(pod, node, gone):
                continue
            # The most important stay if they can: those of high priority, then those that have run longest.
            for each in sorted(gone, key=lambda each: (-each.pod.priority, each.begin_s)):
                if self._fits(pod, node, [other for other in gone if other is not each]):
                    gone.remove(each)
            found[name] = gone
        return found


def _free(requested: int, capacity: int) -> int:
    return (capacity - requested) * _MOST // capacity if 0 < capacity >= requested else 0


def _regret(victims: Sequence[_Bound]) -> tuple[int, int, int, int]:
    """How much kube-scheduler minds these victims: it takes the node where it minds them least."""
    highest = max(each.pod.priority for each in victims)
    earliest = min(each.begin_s for each in victims if each.pod.priority == highest)
    total = sum(each.pod.priority + _ABOVE_ANY_NEGATIVE for each in victims)
    return highest, total, len(victims), -earliest
