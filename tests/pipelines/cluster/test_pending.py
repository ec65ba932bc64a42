"""Explanations from snapshots that are built from the API's own objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes import client as k8s

from pipelines.cluster.pending.explain import explain_pod, explain_unmade
from pipelines.cluster.pending.facts import claim_facts, event_facts, node_facts, pod_facts, quota_facts
from pipelines.cluster.pending.service import service_facts
from pipelines.cluster.pending.snapshot import Cause, Explanation, Surroundings, Unmade

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PRODUCT = "nvidia.com/gpu.product"
V100 = "Tesla-V100-SXM2-32GB"


def node(
    name: str = "v100", gpus: int = 1, labels: dict[str, str] | None = None, taints: list[Any] | None = None
) -> Any:
    offers = {"cpu": "16", "memory": "128Gi", "pods": "110", "nvidia.com/gpu": str(gpus)}
    return k8s.V1Node(
        metadata=k8s.V1ObjectMeta(name=name, labels=labels if labels is not None else {PRODUCT: V100}),
        spec=k8s.V1NodeSpec(taints=taints),
        status=k8s.V1NodeStatus(allocatable=offers),
    )


def pod(name: str = "train", gpus: int = 1, status: dict[str, Any] | None = None, **spec: Any) -> Any:
    resources = k8s.V1ResourceRequirements(requests={"nvidia.com/gpu": str(gpus), "cpu": "500m"})
    labels = spec.pop("labels", None)
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(name=name, namespace="team", labels=labels, creation_timestamp=NOW),
        spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="main", image="x:1", resources=resources)], **spec),
        status=k8s.V1PodStatus(**{"phase": "Pending", **(status or {})}),
    )


def running(name: str, **spec: Any) -> Any:
    begun = {"phase": "Running", "start_time": NOW - timedelta(hours=2)}
    return pod(name, status=begun, node_name="v100", **spec)


def around(*pods: Any, nodes: list[Any] | None = None, **more: Any) -> Surroundings:
    nodes = [node()] if nodes is None else nodes
    return Surroundings("team", NOW, tuple(map(node_facts, nodes)), tuple(map(pod_facts, pods)), **more)


def explained(waiting: Any, *others: Any, **more: Any) -> Explanation:
    return explain_pod(pod_facts(waiting), around(waiting, *others, **more))


def first(waiting: Any, *others: Any, **more: Any) -> Cause:
    return explained(waiting, *others, **more).causes[0]


def test_serving_takes_the_card_from_training_and_that_is_said() -> None:
    found = first(pod(priority=100000), running("train-1", priority=0))
    assert found.kind == "held_card"
    assert "With priority 100000 it takes the place of team/train-1 (priority 0)" in found.what
    assert found.fix.startswith("wait")


def test_a_class_that_never_preempts_waits() -> None:
    found = first(pod(priority=10, preemption_policy="Never"), running("train-1", priority=0))
    assert "takes nobody's place (preemptionPolicy: Never)" in found.what


def test_the_holder_that_ends_first_is_told_first() -> None:
    two = [node(gpus=2)]
    late = running("late", active_deadline_seconds=9 * 3600)
    soon = running("soon", active_deadline_seconds=3 * 3600)
    found = first(pod(), late, soon, nodes=two)
    assert [one["pod"] for one in found.facts["holders"]] == ["team/soon", "team/late"]
    assert found.fix.startswith("wait until 13:00 UTC")


def test_a_service_holds_its_card_until_it_is_stopped() -> None:
    labels = {"serving.kserve.io/inferenceservice": "reservoir"}
    found = first(pod(), running("reservoir-predictor-1", labels=labels, restart_policy="Always"))
    assert "as long as InferenceService reservoir serves" in found.what
    assert "serving.kserve.io/stop=true" in found.fix


def test_pods_that_have_ended_hold_nothing() -> None:
    ended = pod("old", status={"phase": "Succeeded"}, node_name="v100")
    found = first(pod(), ended)
    assert found.kind == "undecided"
    assert found.facts["nodes"] == "v100"


def test_init_containers_count_by_the_greatest() -> None:
    waiting = pod(gpus=0)
    more = k8s.V1ResourceRequirements(requests={"cpu": "32"})
    waiting.spec.init_containers = [k8s.V1Container(name="fetch", resources=more)]
    found = first(waiting)
    assert (found.kind, found.facts["resource"], found.facts["asked"]) == ("too_big", "cpu", 32)


def test_a_card_whose_device_plugin_does_not_run_is_told() -> None:
    found = first(pod(node_selector={PRODUCT: V100}), nodes=[node(gpus=0)])
    assert found.kind == "no_such_card"
    assert "device plug-in" in found.fix


def test_nodes_without_labels_of_the_discovery_are_told() -> None:
    found = first(pod(node_selector={PRODUCT: V100}), nodes=[node(labels={"kubernetes.io/os": "linux"})])
    assert found.kind == "no_such_card"
    assert "GPU feature discovery" in found.what


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ("tesla-v100-sxm2-32gb", "selector_typo"),
        ("Tesla_V100_SXM2_32GB", "selector_typo"),
        ("Telsa-V100-SXM2-32GB", "selector_typo"),
        ("Tesla-V100-SXM2-16GB", "no_such_card"),
        ("Tesla-P100-SXM2-32GB", "no_such_card"),
        ("Tesla-T4", "no_such_card"),
    ],
)
def test_another_card_is_not_taken_for_a_slip_of_the_pen(wanted: str, kind: str) -> None:
    assert first(pod(node_selector={PRODUCT: wanted})).kind == kind


def test_conditions_that_no_one_node_meets_together_are_told() -> None:
    nodes = [node("a", labels={PRODUCT: V100, "zone": "x"}), node("b", labels={PRODUCT: "Tesla-T4", "zone": "y"})]
    found = first(pod(node_selector={PRODUCT: V100, "zone": "y"}), nodes=nodes)
    assert found.kind == "selector"
    assert "lacks zone=y" in found.what


def test_a_taint_and_a_held_card_are_both_told() -> None:
    taint = k8s.V1Taint(key="nvidia.com/gpu", effect="NoSchedule")
    kinds = [one.kind for one in explained(pod(), running("other"), nodes=[node(taints=[taint])]).causes]
    assert kinds == ["taint", "held_card"]


@pytest.mark.parametrize(
    ("reason", "kind", "said"),
    [
        ("ImagePullBackOff", "image", "pull secret"),
        ("ErrImageNeverPull", "image", "load x:1"),
        ("CreateContainerConfigError", "config", "kubectl describe pod"),
        ("CrashLoopBackOff", "crash", "--previous"),
    ],
)
def test_a_container_that_does_not_begin_is_told(reason: str, kind: str, said: str) -> None:
    waiting = k8s.V1ContainerStateWaiting(reason=reason, message="said by the kubelet")
    status = k8s.V1ContainerStatus(
        name="main", image="x:1", image_id="", ready=False, restart_count=0, state=k8s.V1ContainerState(waiting=waiting)
    )
    found = explained(pod(node_name="v100", status={"container_statuses": [status]}))
    assert found.state == "doesn't begin on node v100"
    assert found.causes[0].kind == kind
    assert said in found.causes[0].fix
    assert "said by the kubelet" in found.causes[0].what


def claim(phase: str = "Pending", storage_class: str | None = None) -> Any:
    return k8s.V1PersistentVolumeClaim(
        metadata=k8s.V1ObjectMeta(name="store"),
        spec=k8s.V1PersistentVolumeClaimSpec(storage_class_name=storage_class),
        status=k8s.V1PersistentVolumeClaimStatus(phase=phase),
    )


def mounting() -> Any:
    source = k8s.V1PersistentVolumeClaimVolumeSource(claim_name="store")
    return pod(volumes=[k8s.V1Volume(name="s", persistent_volume_claim=source)])


def test_a_claim_without_a_class_where_there_is_no_default_is_told() -> None:
    found = first(mounting(), claims=(claim_facts(claim()),), classes={"nfs": False})
    assert found.kind == "claim_unbound"
    assert found.fix.startswith("kubectl patch storageclass nfs")


def test_a_claim_of_a_class_that_is_not_there_is_told() -> None:
    found = first(mounting(), claims=(claim_facts(claim(storage_class="nsf")),), classes={"nfs": False})
    assert (found.kind, "nfs" in found.fix) == ("claim_unbound", True)


def test_a_claim_that_waits_for_its_first_pod_is_no_cause() -> None:
    found = first(mounting(), claims=(claim_facts(claim(storage_class="nfs")),), classes={"nfs": True})
    assert found.kind == "undecided"


def test_kueue_is_asked_what_it_says() -> None:
    gates = [k8s.V1PodSchedulingGate(name="kueue.x-k8s.io/admission")]
    queued = {"train": "couldn't assign flavors: insufficient unused quota for nvidia.com/gpu"}
    found = first(pod(scheduling_gates=gates, labels={"kueue.x-k8s.io/queue-name": "gpus"}), queued=queued)
    assert found.kind == "queued"
    assert "queue gpus: couldn't assign flavors" in found.what


def event(reason: str, message: str, kind: str = "Pod", name: str = "train") -> Any:
    about = k8s.V1ObjectReference(kind=kind, name=name)
    metadata = k8s.V1ObjectMeta(name="e")
    return event_facts(k8s.CoreV1Event(metadata=metadata, involved_object=about, reason=reason, message=message))


def test_what_we_do_not_know_is_said_by_the_scheduler() -> None:
    found = first(pod(), events=(event("FailedScheduling", "0/1 nodes:\n hostPort"),))
    assert found.what == "the scheduler says: 0/1 nodes: hostPort"


@pytest.mark.parametrize("reason", ["FailedBinding", "ProvisioningFailed", "ExternalProvisioning"])
def test_a_claim_that_nobody_fills_is_told_with_what_is_said_of_it(reason: str) -> None:
    said = event(reason, "no volume", "PersistentVolumeClaim", "store")
    found = first(mounting(), claims=(claim_facts(claim(storage_class="nfs")),), classes={"nfs": True}, events=(said,))
    assert (found.kind, "no volume" in found.what) == ("claim_unbound", True)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("FailedMount", "volume"), ("FailedAttachVolume", "volume"), ("FailedCreatePodSandBox", "sandbox")],
)
def test_a_placed_pod_that_the_node_cannot_begin_is_told(reason: str, kind: str) -> None:
    placed = pod(status={"phase": "Pending"}, node_name="v100")
    found = explained(placed, events=(event("Scheduled", "v100"), event(reason, 'secret "keys" not found')))
    assert found.state == "doesn't begin on node v100"
    assert (found.causes[0].kind, "not found" in found.causes[0].what) == (kind, True)


def test_a_pod_that_runs_and_is_not_ready_is_told_with_what_its_probe_says() -> None:
    unready = k8s.V1PodCondition(type="Ready", status="False")
    serves = pod("server", status={"phase": "Running", "conditions": [unready]}, node_name="v100")
    said = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", name="server")
    found = explained(serves, events=(said,))
    assert found.state == "runs on node v100 and isn't ready"
    assert "statuscode: 503" in found.causes[0].what


@pytest.mark.parametrize(
    ("service", "kind", "said"),
    [
        ({"metadata": {"annotations": {"serving.kserve.io/stop": "true"}}}, "stopped", "serving.kserve.io/stop-"),
        (
            {"status": {"conditions": [{"type": "Ready", "status": "False", "message": "no runtime found"}]}},
            "service",
            "kubectl describe inferenceservice -n team reservoir",
        ),
        ({}, "no_controller", "sluice doctor --namespace team"),
    ],
)
def test_a_service_without_pods_is_told(service: dict[str, Any], kind: str, said: str) -> None:
    service["metadata"] = {"name": "reservoir", **service.get("metadata", {})}
    [cause] = explain_unmade(service_facts(service), around()).causes
    assert (cause.kind, said in cause.fix) == (kind, True)


def test_the_quota_of_a_priority_class_is_told_with_its_scope() -> None:
    match = k8s.V1ScopedResourceSelectorRequirement(scope_name="PriorityClass", operator="NotIn", values=["serving"])
    quota = k8s.V1ResourceQuota(
        metadata=k8s.V1ObjectMeta(name="rest"),
        spec=k8s.V1ResourceQuotaSpec(scope_selector=k8s.V1ScopeSelector(match_expressions=[match])),
        status=k8s.V1ResourceQuotaStatus(hard={"requests.nvidia.com/gpu": "1"}, used={"requests.nvidia.com/gpu": "1"}),
    )
    message = (
        'Error creating: pods "train-1" is forbidden: exceeded quota: rest, requested: requests.nvidia.com/gpu=1, '
        "used: requests.nvidia.com/gpu=1, limited: requests.nvidia.com/gpu=1"
    )
    serves = running("server", priority_class_name="serving")
    surroundings = around(running("holder"), serves, quotas=(quota_facts(quota),))
    [cause] = explain_unmade(Unmade("Job", "train", message=message), surroundings).causes
    assert cause.kind == "quota"
    assert "(for pods with PriorityClass NotIn serving)" in cause.what
    assert cause.facts["users"] == ["team/holder"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("failed quota: all: must specify limits.cpu for: main; limits.memory for: main", "quota_unsaid"),
        ('violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false', "pod_security"),
        ("no PriorityClass with name sluice-serving was found", "no_priority_class"),
        ("maximum cpu usage per Container is 1, but limit is 2", "refused"),
    ],
)
def test_other_refusals_are_told_by_their_kind(message: str, kind: str) -> None:
    text = f'Error creating: pods "train-1" is forbidden: {message}'
    [cause] = explain_unmade(Unmade("ReplicaSet", "train", message=text), around()).causes
    assert cause.kind == kind
    assert cause.fix
