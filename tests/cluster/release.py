"""A release of the chart on a node, and questions to what it serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from control_plane import CHART
from node import Node
from river import MODEL

from serving.clients.client import PROTOCOLS, Address, Answer
from serving.clients.connect import connect

NAME = "sluice"
STORE, WORK = "sluice-store", "sluice-work"
PREDICTOR = f"{MODEL}-predictor"
# Two cores for all pods: they ask for little and may take what is there.
SMALL = ("serving.resources.requests.cpu=200m", "serving.resources.requests.memory=1Gi")
# No image of TensorFlow Serving can be had: Sluice's own server stands behind the InferenceService in all profiles.
OURS = (f"serving.model={MODEL}", "serving.runtime=inprocess", "image.pullPolicy=Never", *SMALL)
PORTS = {"v1": 80, "v2": 80, "v2-grpc": 8081, "tfserving": 8500}
# Of what the chart makes.
KINDS = (
    *("inferenceservices", "servingruntimes", "pods", "services", "deployments", "configmaps", "serviceaccounts"),
    *("networkpolicies", "poddisruptionbudgets", "resourcequotas", "limitranges", "roles", "rolebindings", "pvc"),
    "priorityclasses",
)
CLAIMS = [f"persistentvolumeclaim/{STORE}", f"persistentvolumeclaim/{WORK}"]
WINDOW = np.random.default_rng(1).normal(size=(1, 12, 3)).astype(np.float32)


@dataclass(frozen=True)
class Release:
    """A release of the chart.

    Attributes:
        node: where it is.
        namespace: of the release.
        profile: whose values it has.
    """

    node: Node
    namespace: str
    profile: str

    def install(self, *settings: str) -> None:
        """Installs or upgrades it."""
        values = [part for setting in (*OURS, *settings) for part in ("--set", setting)]
        file = CHART / f"values-{self.profile}.yaml"
        self._helm("upgrade", "--install", NAME, str(CHART), "--values", str(file), *values)

    def roll_back(self, revision: int) -> None:
        """Back to an earlier revision."""
        self._helm("rollback", NAME, str(revision))

    def test(self) -> str:
        """What `helm test` says; raises if it fails."""
        return self._helm("test", NAME, "--logs", "--timeout", "150s")

    def uninstall(self) -> None:
        """Takes it away, and waits until its pods are gone."""
        self._helm("uninstall", NAME, "--wait")
        self.node.wait("serving is gone", lambda: not self.pods(), 60)

    def wait_ready(self) -> None:
        """Until the InferenceService is Ready."""
        self.node.wait_ready(self.namespace, f"inferenceservice/{MODEL}", 150)

    def wait_rolled_out(self, argument: str) -> None:
        """Until all pods are of the kind that has an argument, and ready."""
        name = (f"deployment/{PREDICTOR}", "-n", self.namespace)
        shown = ("get", *name, "-o", "json")
        self.node.wait("the Deployment changes", lambda: argument in self.node.kubectl(*shown).stdout)
        done = self.node.kubectl("rollout", "status", *name, "--timeout=150s")
        assert done.returncode == 0, done.stdout + done.stderr
        self.wait_ready()

    def pods(self) -> list[str]:
        """Names of the pods that serve."""
        listed = self.node.get("pods", "-n", self.namespace, "-l", "component=predictor")["items"]
        return [each["metadata"]["name"] for each in listed]

    def left(self, *kinds: str) -> list[str]:
        """`kind/name` of what the chart has made and is still there.

        Not the finished pods of `helm test`: Helm would have to take them away before it could show their logs.
        """
        labelled = ("-l", "app.kubernetes.io/part-of=sluice,app.kubernetes.io/component!=test")
        done = self.node.kubectl("get", ",".join(kinds), "-n", self.namespace, *labelled, "-o", "name")
        assert done.returncode == 0, done.stderr
        # PriorityClasses are in no namespace; theirs is part of their names.
        return sorted(
            each for each in done.stdout.split() if "priorityclass" not in each or f"/{self.namespace}-" in each
        )

    @property
    def store(self) -> Path:
        """Folder of the store on this machine."""
        return self.node.folder(self.namespace, STORE)

    @property
    def host(self) -> str:
        """Address of the Service that takes requests."""
        return self.node.address(self.namespace, PREDICTOR)

    def ask(self, protocol: str, seconds: float = 30) -> Answer:
        """One forecast by a protocol, over a connection of its own."""
        return ask(self.host, protocol, seconds)

    def versions(self) -> set[int | None]:
        """The version that answers by each protocol."""
        return {self.ask(protocol).version for protocol in PROTOCOLS}

    def _helm(self, command: str, *arguments: str) -> str:
        return self.node.helm(command, *arguments, "--namespace", self.namespace)


def ask(host: str, protocol: str, seconds: float = 30) -> Answer:
    """One forecast."""
    scheme = "http" if protocol in ("v1", "v2") else "grpc"
    address = Address(f"{scheme}://{host}:{PORTS[protocol]}", MODEL, timeout_seconds=seconds)
    client = connect(address, protocol)
    try:
        answer: Answer = client.predict(WINDOW)
    finally:
        client.close()
    assert np.isfinite(answer.forecast).all()
    return answer


@dataclass
class Asked:
    """What became of questions that were asked all the time."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)


@contextmanager
def asking(release: Release, protocol: str = "v1", pause_seconds: float = 0.1) -> Iterator[Asked]:
    """Asks again and again while the body runs."""
    found, over, host = Asked(), threading.Event(), release.host

    def go_on() -> None:
        while not over.is_set():
            try:
                ask(host, protocol)
                found.answered += 1
            except Exception as error:
                found.failed.append(f"{time.strftime('%X')} {error}")
            time.sleep(pause_seconds)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
