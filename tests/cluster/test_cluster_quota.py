"""Quotas, priorities, default requests and rights of the chart, on a real API server and scheduler."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from control_plane import CHART, TOOL, V100, ControlPlane, free_ports, gpu_pod, job_of

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not TOOL.is_file(), reason="there is no ../shared/cluster"),
]
HOME = "/var/tmp/sluice-control-plane"
SIZES = {"cpu": "32", "memory": "64Gi"}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane with KServe's kinds and two V100 nodes, of one card and of two."""
    running = ControlPlane(Path(os.environ.get("CONTROL_PLANE_HOME", HOME)), free_ports())
    running.tool("up", "--control-plane")
    try:
        running.tool("kserve")
        running.tool("gpu-node", "plain", "--gpus", "0")
        yield running
    finally:
        running.tool("down")


def node(plane: ControlPlane, name: str, cards: int, label: str) -> None:
    plane.tool(
        *("gpu-node", name, "--product", V100, "--gpus", str(cards), "--memory", "32768", "--taint"),
        *("--label", f"test={label}"),
    )


@pytest.fixture
def space(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the `restricted` level; it and its release are gone afterwards."""
    name = f"q-{abs(hash(request.node.name)) % 10**8}"
    plane.kubectl("create", "namespace", name)
    # The service account that pods need comes a moment later.
    plane.wait("its service account", lambda: not plane.kubectl("get", "sa", "-n", name, "default").returncode)
    plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    plane.remove(name)
    for each in plane.get("nodes", "-l", f"test={name}")["items"]:
        plane.kubectl("delete", "node", each["metadata"]["name"])


def install(plane: ControlPlane, space: str, profile: str, *settings: str) -> None:
    """Installs or changes the release `demo`."""
    values = [part for setting in settings for part in ("--set", setting)]
    plane.helm(
        *("upgrade", "--install", "demo", str(CHART), "--namespace", space),
        *("--values", str(CHART / f"values-{profile}.yaml"), *values),
    )


def pods(plane: ControlPlane, space: str, selector: str = "") -> list[dict[str, Any]]:
    return list(plane.get("pods", "-n", space, *(["-l", selector] if selector else []))["items"])


def running(plane: ControlPlane, space: str, selector: str = "") -> list[str]:
    """Names of pods that run and are not about to end."""
    return [
        each["metadata"]["name"]
        for each in pods(plane, space, selector)
        if each["status"]["phase"] == "Running" and "deletionTimestamp" not in each["metadata"]
    ]


def test_on_one_card_serving_is_admitted_and_takes_it_from_training_which_gets_it_back(
    plane: ControlPlane, space: str
) -> None:
    node(plane, "one", 1, space)
    install(plane, space, "shared", "serving.enabled=false")
    # As a step of Kubeflow Pipelines: without a PriorityClass.
    assert plane.create(space, job_of(gpu_pod("train"))) == ""
    plane.wait("training runs", lambda: len(running(plane, space, "app=train")) == 1)
    first = running(plane, space, "app=train")[0]
    assert plane.get("pod", "-n", space, first)["spec"]["nodeName"] == "one"

    said = plane.create(space, gpu_pod("second"))
    assert "exceeded quota: demo-sluice-gpu-rest, requested: requests.nvidia.com/gpu=1" in said

    install(plane, space, "shared", "serving.enabled=true", "transformer.enabled=false")
    serving = "component=predictor"
    plane.wait("training is pre-empted", lambda: not running(plane, space, "app=train"))
    (ended,) = [each for each in pods(plane, space, "app=train") if each["metadata"]["name"] == first]
    assert any(each["type"] == "DisruptionTarget" for each in ended["status"]["conditions"])
    plane.end_terminating(space)
    plane.wait("serving runs", lambda: len(running(plane, space, serving)) == 1)
    assert pods(plane, space, serving)[0]["spec"]["nodeName"] == "one"
    assert first not in running(plane, space, "app=train")
    plane.wait(
        "training waits", lambda: any(each["status"]["phase"] == "Pending" for each in pods(plane, space, "app=train"))
    )
    assert not running(plane, space, "app=train")

    install(plane, space, "shared", "serving.enabled=false")
    plane.wait("training runs again", lambda: len(running(plane, space, "app=train")) == 1)
    assert plane.get("job", "-n", space, "train")["status"].get("failed", 0) == 0


def test_one_quota_for_all_would_refuse_serving(plane: ControlPlane, space: str) -> None:
    """What the two quotas are for: the same story with a single one."""
    node(plane, "plain-quota", 1, space)
    install(plane, space, "shared", "serving.enabled=false", "quota.enabled=false")
    single = {"hard": {"requests.nvidia.com/gpu": "1"}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "single"}, "spec": single}
    assert plane.create(space, quota) == ""
    plane.wait(
        "the quota counts", lambda: "used" in plane.get("resourcequota", "-n", space, "single").get("status", {})
    )
    assert plane.create(space, gpu_pod("train")) == ""
    serving = gpu_pod("serving", f"{space}-demo-sluice-serving")
    assert "exceeded quota: single" in plane.create(space, serving)


def test_on_two_cards_serving_and_training_have_one_each(plane: ControlPlane, space: str) -> None:
    node(plane, "two", 2, space)
    install(plane, space, "dedicated", "transformer.enabled=false")
    plane.wait("serving runs", lambda: len(running(plane, space, "component=predictor")) == 1)
    assert plane.create(space, gpu_pod("train", f"{space}-demo-sluice-training")) == ""
    plane.wait("training runs", lambda: "train" in running(plane, space))
    assert "exceeded quota: demo-sluice-gpu-rest" in plane.create(space, gpu_pod("more"))
    greedy = gpu_pod("greedy", f"{space}-demo-sluice-serving")
    assert "exceeded quota: demo-sluice-gpu-serving" in plane.create(space, greedy)
    assert len(running(plane, space, "component=predictor")) == 1


def test_without_cards_every_gpu_pod_is_refused(plane: ControlPlane, space: str) -> None:
    install(plane, space, "cpu", "serving.enabled=false")
    for priority_class in ("", f"{space}-demo-sluice-serving", f"{space}-demo-sluice-training"):
        assert "exceeded quota: demo-sluice-gpu" in plane.create(space, gpu_pod("any", priority_class))


def test_training_takes_a_card_from_extras_and_not_from_pods_without_a_class(plane: ControlPlane, space: str) -> None:
    node(plane, "shared-one", 1, space)
    install(plane, space, "shared", "serving.enabled=false", "gpu.cards=2")
    training, extras = f"{space}-demo-sluice-training", f"{space}-demo-sluice-extras"
    assert plane.create(space, gpu_pod("extras", extras)) == ""
    plane.wait("extras run", lambda: running(plane, space) == ["extras"])
    assert plane.create(space, gpu_pod("train", training)) == ""
    plane.wait("training took the card", lambda: running(plane, space) == ["train"])

    plane.kubectl("delete", "pod", "-n", space, "train", "--force", "--grace-period=0")
    assert plane.create(space, gpu_pod("nobody")) == ""
    plane.wait("a pod without a class runs", lambda: running(plane, space) == ["nobody"])
    assert plane.create(space, gpu_pod("train", training)) == ""
    plane.wait("the scheduler has seen training", lambda: "Unschedulable" in str(pods(plane, space)))
    assert running(plane, space) == ["nobody"]


def test_a_container_that_says_nothing_is_admitted_by_a_quota_on_cpu_and_memory(
    plane: ControlPlane, space: str
) -> None:
    hard = [f"quota.hard.{kind}\\.{of}={size}" for kind in ("requests", "limits") for of, size in SIZES.items()]
    install(plane, space, "cpu", "serving.enabled=false", *hard)
    pod = gpu_pod("injected")
    pod["spec"] |= {"nodeSelector": {"kubernetes.io/hostname": "plain"}}
    del pod["spec"]["containers"][0]["resources"]
    assert plane.create(space, pod) == ""
    resources = plane.get("pod", "-n", space, "injected")["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "4", "memory": "8Gi"}}
    plane.wait("it runs", lambda: running(plane, space) == ["injected"])

    plane.kubectl("delete", "limitrange", "-n", space, "demo-sluice")
    pod["metadata"]["name"] = "after"
    assert "must specify limits.cpu" in plane.create(space, pod)


def test_batch_prediction_runs_at_the_restricted_level(plane: ControlPlane, space: str) -> None:
    settings = ("batch.enabled=true", "batch.suspend=true", "batch.readings.claim=readings", "batch.out.claim=rows")
    install(plane, space, "cpu", *settings)
    for name in ("readings", "rows"):
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
        assert plane.create(space, claim) == ""
    made = plane.kubectl("create", "job", "-n", space, "now", "--from=cronjob/demo-sluice-batch")
    assert made.returncode == 0, made.stderr
    plane.wait("the run ends", lambda: plane.get("job", "-n", space, "now")["status"].get("succeeded") == 1)
    (pod,) = pods(plane, space, "app.kubernetes.io/component=batch")
    assert pod["spec"]["priority"] == 100000


def test_the_deploy_step_may_read_its_service_and_nothing_else(plane: ControlPlane, space: str) -> None:
    install(plane, space, "cpu", "rbac.create=true")
    account = f"system:serviceaccount:{space}:pipeline-runner"

    def may(verb: str, what: str, *more: str, namespace: str = space) -> bool:
        done = plane.kubectl("auth", "can-i", verb, what, *more, "-n", namespace, "--as", account)
        return bool(done.stdout.strip() == "yes")

    services = "inferenceservices.serving.kserve.io"
    assert may("get", f"{services}/reservoir")
    assert may("watch", f"{services}/reservoir")
    assert all(may(verb, "endpointslices.discovery.k8s.io") for verb in ("get", "list", "watch"))
    denied = {
        *((verb, f"{services}/reservoir") for verb in ("update", "patch", "delete")),
        *((verb, services) for verb in ("create", "list", "deletecollection")),
        ("get", f"{services}/other"),
        ("patch", f"{services}/reservoir", "--subresource=status"),
        *((verb, "secrets") for verb in ("get", "list", "watch", "create")),
        *(
            (verb, what)
            for verb in ("get", "list", "create", "delete")
            for what in ("pods", "configmaps", "jobs", "pvc")
        ),
        ("create", "pods", "--subresource=exec"),
        ("get", "pods", "--subresource=log"),
        ("patch", "deployments"),
        ("create", "serviceaccounts", "--subresource=token"),
        ("impersonate", "serviceaccounts"),
        ("patch", "endpointslices"),
        ("create", "rolebindings"),
        ("get", "nodes"),
    }
    assert not [each for each in denied if may(*each)]
    assert not may("get", f"{services}/reservoir", namespace="default")
    assert not may("list", "endpointslices.discovery.k8s.io", namespace="default")

    watched = plane.kubectl(
        *("get", services, "reservoir", "-n", space, "--as", account, "--watch", "--request-timeout=3s", "-o", "json")
    )
    assert json.JSONDecoder().raw_decode(watched.stdout)[0]["metadata"]["name"] == "reservoir"
