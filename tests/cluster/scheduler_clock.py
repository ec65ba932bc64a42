"""A clock for pods on a real scheduler: what it does with them in hours, seen in a minute.

The scheduler doesn't know how long a pod will run. So a pod runs until its second of the clock has come and is then
told to end (`cluster.local/run-seconds`), one thing after the other, each only when the scheduler has nothing left to
try. Every second of a plan counts, and nothing depends on how busy the machine is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from control_plane import ControlPlane, gpu_pod, job_of
from kubernetes import client, config

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.schedule.kube import Binding, Node, Pod

RUN_SECONDS = "cluster.local/run-seconds"
# The tool's scheduler listens on its fifth port.
SCHEDULER_PORT = 4
# podMaxBackoffSeconds, and the second to which kube-scheduler rounds: after these every waiting pod is tried in turn.
BACKED_OFF_SECONDS = 11.5
LONGEST_SECONDS = 300
PROBE_PRIORITY = -1000


@dataclass(frozen=True)
class Running:
    """A pod that runs or waits: its name in the cluster, its uid, its node or none, and the second of its binding."""

    pod: str
    uid: str
    node: str
    begin_s: int = 0


@dataclass(frozen=True)
class Found:
    """What a cluster did: the pods with the seconds that they were given, and what became of them."""

    pods: tuple[Pod, ...]
    bindings: tuple[Binding, ...]
    pending: tuple[str, ...]

    @property
    def makespan_s(self) -> int:
        """The second at which the last pod ends."""
        return max(each.end_s for each in self.bindings if each.end_s is not None)

    def on(self, pod: str) -> list[str]:
        """The nodes on which a pod ran, in order of time."""
        return [each.node for each in self.bindings if each.pod == pod]


class Scheduler:
    """A real scheduler, seen through the pods of a namespace."""

    def __init__(self, plane: ControlPlane, space: str) -> None:
        self._plane, self._space = plane, space
        self._core = client.CoreV1Api(_client(plane.home))
        self._jobs = client.BatchV1Api(self._core.api_client)
        self._own = _client(plane.home, f"https://127.0.0.1:{plane.port + SCHEDULER_PORT}")
        self._probes = 0

    def create(self, pod: Pod) -> None:
        """Creates a pod, or the Job that makes it again."""
        made = manifest(pod, self._space)
        if pod.recreated:
            self._jobs.create_namespaced_job(self._space, job_of(made))
        else:
            self._core.create_namespaced_pod(self._space, made)

    def end(self, run: Running) -> None:
        """Ends a pod's run."""
        self._core.patch_namespaced_pod(run.pod, self._space, {"metadata": {"annotations": {RUN_SECONDS: "0"}}})
        self._wait("it has ended", lambda: self._listed()[run.uid]["status"]["phase"] == "Succeeded")

    def settled(self, jobs: Iterable[str]) -> dict[str, Running]:
        """The pods that run or wait, once the scheduler has seen all and twice has nothing left to try.

        Args:
            jobs: that have not ended, and so must have a pod.
        """
        end, before = time.monotonic() + LONGEST_SECONDS, None
        while time.monotonic() < end:
            self._probe()
            found = self._seen() if self._idle() else None
            if found is not None and found == before and all(name in found for name in jobs):
                return found
            before = found
        raise TimeoutError(f"not in {LONGEST_SECONDS} s\n{self._plane.kubectl('get', 'pods,events', '-A').stdout}")

    def _probe(self) -> None:
        """Returns when the scheduler has seen all that happened before: it has refused a pod that came after it."""
        self._probes += 1
        name = f"probe-{self._probes}"
        made = gpu_pod(name, class_of(PROBE_PRIORITY, False))
        made["spec"]["nodeSelector"] = {"test": "nowhere"}
        uid = self._core.create_namespaced_pod(self._space, made).metadata.uid
        self._wait("the probe is refused", lambda: _condition(self._listed()[uid], "PodScheduled") == "False")
        self._core.delete_namespaced_pod(name, self._space, grace_period_seconds=0)

    def _idle(self) -> bool:
        """Whether no pod is to be tried, now or when it has backed off."""
        found = self._own.call_api("/metrics", "GET", _preload_content=False, _return_http_data_only=True)
        lines = found.data.decode().splitlines()
        return all(f'scheduler_pending_pods{{queue="{queue}"}} 0' in lines for queue in ("active", "backoff"))

    def _seen(self) -> dict[str, Running] | None:
        """The pods that run or wait, by the names of their Jobs or their own; None while one is on its way."""
        found: dict[str, Running] = {}
        pods = {uid: pod for uid, pod in self._listed().items() if not pod["metadata"]["name"].startswith("probe-")}
        if any("deletionTimestamp" in pod["metadata"] for pod in pods.values()):
            self._plane.end_terminating(self._space)
            return None
        for uid, pod in pods.items():
            name, status, node = pod["metadata"]["name"], pod["status"], pod["spec"].get("nodeName", "")
            if status["phase"] in ("Succeeded", "Failed"):
                continue
            if status["phase"] != "Running" and (node or status.get("nominatedNodeName")):
                return None
            found[pod["metadata"].get("labels", {}).get("app", name)] = Running(name, uid, node)
        return found

    def _listed(self) -> dict[str, dict[str, Any]]:
        """The pods by their uid."""
        answer = self._core.list_namespaced_pod(self._space, _preload_content=False)
        return {pod["metadata"]["uid"]: pod for pod in json.loads(answer.data)["items"]}

    def _wait(self, what: str, found: Callable[[], bool]) -> None:
        self._plane.wait(what, found, LONGEST_SECONDS)


class Clock:
    """Plays pods on a real scheduler, in seconds of its own."""

    def __init__(self, scheduler: Scheduler, pods: Iterable[Pod], nodes: Iterable[Node]) -> None:
        self._scheduler = scheduler
        self._pods = {pod.name: pod for pod in pods}
        self._kinds = {node.name: node.kind for node in nodes}
        # Second by second, the pod that is created or ends then.
        self._due = {pod.created_s: pod.name for pod in self._pods.values()}
        assert len(self._due) == len(self._pods), "pods are created one after the other"
        self._running: dict[str, Running] = {}
        # By pod that waits, how often cards fell free before it did: pods that differ in it back off differently.
        self._waiting: dict[str, int] = {}
        self._freed = 0
        self._acted = 0.0
        self._bindings: list[Binding] = []

    def play(self) -> Found:
        """Until nothing is due any more."""
        while self._due:
            now = min(self._due)
            name = self._due.pop(now)
            if name in self._running:
                self._end(name, now)
            else:
                self._create(name)
            jobs = [each for each in (*self._running, *self._waiting) if self._pods[each].recreated]
            self._note(self._scheduler.settled(jobs), now)
        for name, run in self._running.items():
            self._bind(name, run, None, False)
        bindings = sorted(self._bindings, key=lambda each: (each.begin_s, each.node, each.pod))
        return Found(tuple(self._pods.values()), tuple(bindings), tuple(self._waiting))

    def _create(self, name: str) -> None:
        _until_next_second()
        self._scheduler.create(self._pods[name])
        self._waiting[name] = self._freed

    def _end(self, name: str, now: int) -> None:
        if len(set(self._waiting.values())) > 1:
            time.sleep(max(0.0, self._acted + BACKED_OFF_SECONDS - time.monotonic()))
        _until_next_second()
        run = self._running.pop(name)
        self._scheduler.end(run)
        self._bind(name, run, now, False)
        self._freed += 1

    def _note(self, found: Mapping[str, Running], now: int) -> None:
        """Writes down which pods were pre-empted, and which were bound."""
        for name, run in list(self._running.items()):
            if name not in found or found[name].uid != run.uid:
                self._preempted(name, now, comes_back=name in found)
        for name, run in found.items():
            if run.node and name not in self._running:
                self._running[name] = replace(run, begin_s=now)
                del self._waiting[name]
                self._expect_end(name, self._kinds[run.node], now)
        self._acted = time.monotonic()

    def _preempted(self, name: str, now: int, comes_back: bool) -> None:
        self._bind(name, self._running.pop(name), now, True)
        self._due = {second: each for second, each in self._due.items() if each != name}
        self._freed += 1
        if comes_back:
            self._waiting[name] = self._freed

    def _bind(self, name: str, run: Running, end_s: int | None, preempted: bool) -> None:
        self._bindings.append(Binding(name, run.node, run.begin_s, end_s, preempted, ()))

    def _expect_end(self, name: str, kind: str, now: int) -> None:
        """A pod ends a second later where another is due at its second: the cluster sees one thing at a time."""
        pod = self._pods[name]
        if kind not in pod.seconds:
            return
        end = now + pod.seconds[kind]
        while end in self._due:
            end += 1
        self._due[end] = name
        self._pods[name] = replace(pod, seconds={**pod.seconds, kind: end - now})


def _until_next_second() -> None:
    """Kubernetes tells in whole seconds when pods begin, and kube-scheduler goes by that which is the youngest."""
    time.sleep(1 - time.time() % 1)


def class_of(priority: int, preempts: bool = True) -> str:
    """Name of a PriorityClass."""
    return f"priority-{priority}{'' if preempts else '-never'}".replace("--", "-minus-")


def manifest(pod: Pod, space: str) -> dict[str, Any]:
    """A pod for the nodes of a test, that runs until it is told to end."""
    wanted = {
        "key": "nvidia.com/gpu.product",
        "operator": "In",
        "values": [product for kind in pod.kinds for product in products_of(kind)],
    }
    terms = {"nodeSelectorTerms": [{"matchExpressions": [wanted]}]}
    made = gpu_pod(pod.name, class_of(pod.priority, pod.preempts), pod.gpus)
    made["metadata"]["annotations"] = {RUN_SECONDS: "1000000"}
    made["spec"]["nodeSelector"] = {"test": space}
    made["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    return made


@cache
def products_of(kind: str) -> tuple[str, ...]:
    """What nodes with such a card say of it."""
    return load_catalogue().card(kind).products


def _condition(pod: Mapping[str, Any], kind: str) -> str:
    """`True`, `False`, or nothing where it isn't told yet."""
    return next((str(each["status"]) for each in pod["status"].get("conditions", []) if each["type"] == kind), "")


def _client(home: Path, host: str = "") -> Any:
    """A client of the control plane; of a part of it that has a certificate of its own, where a host is named."""
    configuration = client.Configuration()
    config.load_kube_config(str(home / "kubeconfig"), client_configuration=configuration)
    if host:
        configuration.host, configuration.verify_ssl = host, False
    return client.ApiClient(configuration)
