"""One real node by ../shared/cluster: pods run, Services answer; its only card, a V100, is simulated."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane import ROOT, TOOL, V100, ControlPlane
from dockerfile_target import single_target

from components.image import IMAGE

BASE = "python:3.11-slim"
# The builder finds no steps again on top of a base image whose history has no time stamps; one step more gives it some.
STAMPED_BASE = "localhost/stamped-python:3.11"
PORT = 26443
# What the image is built from: .dockerignore lets nothing else in.
SOURCES = ("components", "pipelines", "serving", "pyproject.toml", "README.md", "LICENSE", "requirements-*.lock")
# Packages are fetched and compiled.
BUILD_SECONDS = 1200
LEVEL = "pod-security.kubernetes.io/enforce"
POD_SECURITY = {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY = {
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
WAITING = ["sh", "-c", "trap exit TERM; sleep 3600 & wait"]


@dataclass(frozen=True)
class Node(ControlPlane):
    """A cluster with the real node `node1`."""

    @classmethod
    def of_environment(cls) -> Node:
        """The one node that there may be on a machine."""
        home = os.environ.get("CLUSTER_HOME", "/var/tmp/cluster")
        return cls(Path(home), int(os.environ.get("CLUSTER_PORT", PORT)))

    def is_up(self) -> bool:
        """Whether it runs already."""
        return (self.home / "kubeconfig").exists() and self.kubectl("get", "node", "node1").returncode == 0

    def set_up(self, scratch: Path) -> None:
        """The node with the image, InferenceServices and one V100."""
        self.tool("up")
        self.tool("build-base", BASE)
        self._build(scratch)
        self._patiently("kserve")
        self.tool("gpu-real", "1", "--product", V100)

    def namespace(self, name: str) -> None:
        """Makes a namespace whose pods must be of the restricted level."""
        self.wait("the namespace of an earlier run goes", lambda: self.kubectl("get", "ns", name).returncode != 0, 90)
        metadata = {"name": name, "labels": {LEVEL: "restricted"}}
        said = self.create("default", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        assert said == "", said

    def folder(self, namespace: str, claim: str) -> Path:
        """Where the files of a bound claim lie on this machine."""
        volume = self.get("pvc", claim, "-n", namespace)["spec"]["volumeName"]
        return Path(self.get("pv", volume)["spec"]["hostPath"]["path"])

    def bind(self, namespace: str, *claims: str) -> None:
        """Has claims bound, which happens when the first pod wants them."""
        volumes = [{"name": each, "persistentVolumeClaim": {"claimName": each}} for each in claims]
        mounts = [{"name": each, "mountPath": f"/mnt/{each}"} for each in claims]
        said = self.create(namespace, image_pod("binder", volumes, mounts))
        assert said == "", said
        self.wait_ready(namespace, "pod/binder")
        self.kubectl("delete", "pod", "binder", "-n", namespace, "--grace-period=1")

    def wait_ready(self, namespace: str, what: str, seconds: int = 120) -> None:
        """Until something is Ready."""
        done = self.kubectl("wait", "-n", namespace, "--for=condition=Ready", what, f"--timeout={seconds}s")
        assert done.returncode == 0, done.stderr + self.kubectl("describe", "pods", "-n", namespace).stdout

    def address(self, namespace: str, service: str) -> str:
        """IP address of a Service, which this machine reaches as pods do."""
        return str(self.get("service", service, "-n", namespace)["spec"]["clusterIP"])

    def _build(self, scratch: Path) -> None:
        """Builds the image, unless it is there and nothing that it is made of has changed."""
        dockerfile = scratch / "Dockerfile"
        dockerfile.write_text(single_target((ROOT / "Dockerfile").read_text(), "cpu", STAMPED_BASE))
        stamp, digest = self.home / "images" / "sluice.digest", _digest(dockerfile)
        known, images = stamp.read_text() if stamp.exists() else "", self.tool("images").split()
        if STAMPED_BASE not in images:
            (scratch / "Stamped").write_text(f"FROM {BASE}\nENV PYTHON_VERSION=3.11\n")
            self._patiently("build", STAMPED_BASE, str(scratch), "-f", str(scratch / "Stamped"))
        elif known == digest and f"docker.io/library/{IMAGE}" in images:
            return
        # Steps whose inputs are the same as last time are not run again.
        self._patiently("build", IMAGE, str(ROOT), "-f", str(dockerfile), BUILDAH_LAYERS="true")
        stamp.write_text(digest)

    def _patiently(self, *arguments: str, **environment: str) -> None:
        own = {"CLUSTER_HOME": str(self.home), "CLUSTER_PORT": str(self.port), "CLUSTER_PYTHON": sys.executable}
        subprocess.run([str(TOOL), *arguments], check=True, timeout=BUILD_SECONDS, env=os.environ | own | environment)


def image_pod(name: str, volumes: list[Any], mounts: list[Any], command: list[str] | None = None) -> dict[str, Any]:
    """A pod of the restricted level in the image; it waits, where no command is given."""
    container = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": command or WAITING,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *mounts],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *volumes],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _digest(dockerfile: Path) -> str:
    """Of all that the image is built from."""
    files = [dockerfile, *(path for source in SOURCES for found in ROOT.glob(source) for path in _files(found))]
    content = [(path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else "", path) for path in files]
    named = [(name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in content]
    return hashlib.sha256(json.dumps(sorted(named)).encode()).hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [each for each in path.rglob("*") if each.is_file() and "__pycache__" not in each.parts]
