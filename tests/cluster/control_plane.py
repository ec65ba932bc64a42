"""A Kubernetes control plane with simulated nodes, by ../shared/cluster: scheduler, quotas and priorities are real."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "sluice"
TOOL = ROOT.parent / "shared" / "cluster" / "cluster"
V100 = "Tesla-V100-SXM2-32GB"
# `cluster` uses so many ports from its first on.
PORTS = 12
# Unpacking and starting takes half a minute where nothing is there yet; all else is done in a moment.
LONGEST_SECONDS = 240
Done = subprocess.CompletedProcess[str]


def free_ports(count: int = PORTS) -> int:
    """The first of as many free ports in a row."""
    for first in range(27100, 32000, 100):
        if all(_free(first + offset) for offset in range(count)):
            return first
    raise RuntimeError("no ports are free")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane.

    Attributes:
        home: where it keeps its state and programs.
        port: its first port.
    """

    home: Path
    port: int

    def tool(self, *arguments: str) -> str:
        """What `cluster` prints."""
        return self._checked(self._run([str(TOOL), *arguments]))

    def kubectl(self, *arguments: str, given: Any = None) -> Done:
        """What kubectl answers."""
        text = "" if given is None else json.dumps(given)
        return self._run([str(self.home / "bin" / "kubectl"), *arguments], text)

    def helm(self, *arguments: str) -> str:
        """What helm prints."""
        return self._checked(self._run([str(self.home / "bin" / "helm"), *arguments]))

    def get(self, *arguments: str) -> dict[str, Any]:
        """One object, or a list of them."""
        return dict(json.loads(self._checked(self.kubectl("get", *arguments, "-o", "json"))))

    def create(self, namespace: str, thing: dict[str, Any]) -> str:
        """Creates an object; what was said against it, or nothing."""
        done = self.kubectl("create", "-n", namespace, "-f", "-", given=thing)
        return done.stderr if done.returncode else ""

    def restricted(self, namespace: str) -> None:
        """Makes a namespace that takes pods of the `restricted` level only."""
        self._checked(self.kubectl("create", "namespace", namespace))
        # The service account that pods need comes a moment later.
        self.wait("its service account", lambda: not self.kubectl("get", "sa", "-n", namespace, "default").returncode)
        self.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")

    def available(self, namespace: str) -> bool:
        """Whether the Deployments of a namespace have the pods that were last asked for, all ready."""
        found = self.get("deployments", "-n", namespace)["items"]
        return bool(found) and all(
            each["status"].get("observedGeneration") == each["metadata"]["generation"]
            and each["status"].get("updatedReplicas", 0) == each["status"].get("readyReplicas", -1)
            and not each["status"].get("unavailableReplicas")
            for each in found
        )

    def end_terminating(self, namespace: str) -> None:
        """Says of pods that are being deleted that their containers have ended.

        A kubelet does; a simulated node takes the pod away without, and a Job with a failure policy waits for it.
        """
        ended = json.dumps({"status": {"phase": "Failed"}})
        for pod in self.get("pods", "-n", namespace)["items"]:
            if "deletionTimestamp" in pod["metadata"] and pod["status"]["phase"] in ("Running", "Pending"):
                name = pod["metadata"]["name"]
                self.kubectl("patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", ended)

    def remove(self, namespace: str) -> None:
        """Removes a namespace's Jobs and pods now, and the namespace soon."""
        self.kubectl("delete", "jobs", "-n", namespace, "--all", "--cascade=orphan", "--wait=false")
        for pod in self.get("pods", "-n", namespace)["items"]:
            name, free = pod["metadata"]["name"], json.dumps({"metadata": {"finalizers": None}})
            self.kubectl("patch", "pod", name, "-n", namespace, "--type=merge", "-p", free)
        self.kubectl("delete", "namespace", namespace, "--wait=false")
        self.kubectl("delete", "pods", "-n", namespace, "--all", "--force", "--grace-period=0", "--wait=false")

    def wait(self, what: str, found: Callable[[], bool], seconds: float = 60) -> None:
        """Until something is so.

        Raises:
            TimeoutError: it wasn't, in that time.
        """
        end = time.monotonic() + seconds
        while not found():
            if time.monotonic() > end:
                state = self.kubectl("get", "pods,events", "-A", "-o", "wide").stdout
                raise TimeoutError(f"{what}: not in {seconds} s\n{state}")
            time.sleep(0.3)

    def _run(self, command: Sequence[str], given: str = "") -> Done:
        environment = os.environ | {
            "CLUSTER_HOME": str(self.home),
            "CLUSTER_PORT": str(self.port),
            "KUBECONFIG": str(self.home / "kubeconfig"),
        }
        return subprocess.run(
            command, input=given, capture_output=True, text=True, env=environment, check=False, timeout=LONGEST_SECONDS
        )

    @staticmethod
    def _checked(done: Done) -> str:
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, done.args))}\n{done.stdout}{done.stderr}")
        return done.stdout


def gpu_pod(name: str, priority_class: str = "", gpus: int = 1) -> dict[str, Any]:
    """A pod of the `restricted` level that wants V100s, as a training step is one."""
    resources = {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": str(gpus)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": {"cluster.local/run-seconds": "600"}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            **({"priorityClassName": priority_class} if priority_class else {}),
            "nodeSelector": {"nvidia.com/gpu.product": V100},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "step",
                    "image": "sluice-python:0.1.0",
                    "resources": {"requests": resources, "limits": resources},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def job_of(pod: dict[str, Any]) -> dict[str, Any]:
    """A Job whose pods are like this one, and are made again when they are pre-empted."""
    metadata = {"name": pod["metadata"]["name"]}
    template = {
        "metadata": {"annotations": pod["metadata"]["annotations"], "labels": {"app": metadata["name"]}},
        "spec": pod["spec"],
    }
    # A pre-empted pod isn't a failure of the training.
    policy = {
        "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}],
    }
    spec = {"backoffLimit": 0, "podFailurePolicy": policy, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
