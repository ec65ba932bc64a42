"""`sluice why` about pods that a real scheduler, quota and controller hold back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app

sys.path.insert(0, str(Path(__file__).parent))
from bare_kinds import define, forget
from control_plane import V100, ControlPlane, gpu_pod, job_of

pytestmark = pytest.mark.cluster
PRODUCT = "nvidia.com/gpu.product"


@pytest.fixture
def team(looked_at: ControlPlane, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace; its pods and nodes are gone afterwards, so that the card is free again."""
    monkeypatch.setenv("KUBECONFIG", str(looked_at.home / "kubeconfig"))
    name = f"why-{abs(hash(request.node.name)) % 10**8}"
    looked_at.kubectl("create", "namespace", name)
    # The service account that pods need comes a moment later.
    looked_at.wait("its service account", lambda: not looked_at.kubectl("get", "sa", "-n", name, "default").returncode)
    yield name
    looked_at.kubectl("delete", "jobs,pods", "-n", name, "--all", "--force", "--grace-period=0")
    looked_at.kubectl("delete", "namespace", name, "--wait=false")


def why(team: str, *arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["why", *arguments, "--namespace", team, "--json"])
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout)["explanations"])


def cause(plane: ControlPlane, team: str, name: str) -> dict[str, Any]:
    """The first cause, once the scheduler has seen the pod."""

    def seen() -> bool:
        conditions = plane.get("pod", "-n", team, name)["status"].get("conditions", [])
        return any(one["type"] == "PodScheduled" and one["status"] == "False" for one in conditions)

    plane.wait(f"the scheduler has refused {name}", seen)
    [found] = why(team, name)
    assert found["state"] == "waits"
    return dict(found["causes"][0])


def start(plane: ControlPlane, team: str, pod: dict[str, Any]) -> None:
    assert plane.create(team, pod) == ""


def hold_the_card(plane: ControlPlane, team: str, **spec: Any) -> None:
    holder = gpu_pod("holder")
    holder["spec"] |= spec
    start(plane, team, holder)
    plane.wait("the card is held", lambda: plane.get("pod", "-n", team, "holder")["status"]["phase"] == "Running")


def test_a_misspelt_product_is_told_with_the_one_that_nodes_have(looked_at: ControlPlane, team: str) -> None:
    pod = gpu_pod("typo")
    pod["spec"]["nodeSelector"] = {PRODUCT: "Telsa-V100-SXM2-32GB"}
    start(looked_at, team, pod)
    found = cause(looked_at, team, "typo")
    assert found["kind"] == "selector_typo"
    assert found["nearest"] == V100
    assert "v100" in found["what"]


def test_a_misspelt_label_is_told_with_the_one_that_nodes_have(looked_at: ControlPlane, team: str) -> None:
    pod = gpu_pod("key")
    pod["spec"]["nodeSelector"] = {"nvidia.com/gpu-product": V100}
    start(looked_at, team, pod)
    found = cause(looked_at, team, "key")
    assert (found["kind"], found["nearest"]) == ("selector_typo", PRODUCT)


def test_a_card_that_no_node_has_is_no_misspelling(looked_at: ControlPlane, team: str) -> None:
    pod = gpu_pod("a100")
    pod["spec"]["nodeSelector"] = {PRODUCT: "NVIDIA-A100-SXM4-40GB"}
    start(looked_at, team, pod)
    found = cause(looked_at, team, "a100")
    assert found["kind"] == "no_such_card"
    assert f"{V100} (node v100)" in found["what"]


def test_a_list_of_products_as_profiles_have_it_is_explained_alike(looked_at: ControlPlane, team: str) -> None:
    pod = gpu_pod("variants")
    del pod["spec"]["nodeSelector"]
    wanted = {"key": PRODUCT, "operator": "In", "values": ["NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-SXM4-80GB"]}
    required = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [wanted]}]}
    }
    pod["spec"]["affinity"] = {"nodeAffinity": required}
    start(looked_at, team, pod)
    found = cause(looked_at, team, "variants")
    assert (found["kind"], found["there"]) == ("no_such_card", [V100])


def test_a_taint_is_told_with_the_toleration_that_bears_it(looked_at: ControlPlane, team: str) -> None:
    pod = gpu_pod("bare")
    del pod["spec"]["tolerations"]
    start(looked_at, team, pod)
    found = cause(looked_at, team, "bare")
    assert (found["kind"], found["taint"]) == ("taint", "nvidia.com/gpu=present:NoSchedule")
    assert '{key: nvidia.com/gpu, operator: Equal, value: "present", effect: NoSchedule}' in found["fix"]

    # What the fix says is true: with this toleration it runs.
    pod["metadata"]["name"] = "mended"
    mended = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    pod["spec"]["tolerations"] = [mended]
    start(looked_at, team, pod)
    looked_at.wait("it runs", lambda: looked_at.get("pod", "-n", team, "mended")["status"]["phase"] == "Running")


def test_the_holder_of_a_card_is_named_with_the_end_of_its_time(looked_at: ControlPlane, team: str) -> None:
    hold_the_card(looked_at, team, activeDeadlineSeconds=3600)
    start(looked_at, team, gpu_pod("second"))
    found = cause(looked_at, team, "second")
    assert found["kind"] == "held_card"
    [holder] = found["holders"]
    assert holder["pod"] == f"{team}/holder"
    assert holder["since"] < holder["until"]
    assert "takes nobody's place" in found["what"]
    assert f"kubectl delete pod -n {team} holder" in found["fix"]


def test_the_deadline_of_a_job_is_that_of_its_pods(looked_at: ControlPlane, team: str) -> None:
    job = job_of(gpu_pod("train"))
    job["spec"]["activeDeadlineSeconds"] = 7200
    assert looked_at.create(team, job) == ""

    def runs() -> bool:
        return looked_at.get("job", "-n", team, "train")["status"].get("ready") == 1

    looked_at.wait("the job runs", runs)
    start(looked_at, team, gpu_pod("second"))
    [holder] = cause(looked_at, team, "second")["holders"]
    assert holder["until"]


def test_two_cards_on_nodes_with_one_are_never_to_be_had(looked_at: ControlPlane, team: str) -> None:
    start(looked_at, team, gpu_pod("two", gpus=2))
    found = cause(looked_at, team, "two")
    assert (found["kind"], found["asked"], found["most"]) == ("too_big", 2, 1)


def test_a_quota_that_refuses_the_pod_of_a_job_is_named_with_its_users(looked_at: ControlPlane, team: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cards"}}
    assert looked_at.create(team, {**quota, "spec": {"hard": {"requests.nvidia.com/gpu": "1"}}}) == ""
    looked_at.wait("the quota counts", lambda: "used" in looked_at.get("quota", "-n", team, "cards").get("status", {}))
    hold_the_card(looked_at, team)
    assert looked_at.create(team, job_of(gpu_pod("train"))) == ""
    looked_at.wait("the job was refused", lambda: bool(why(team, "train")) if refused(looked_at, team) else False)
    [found] = why(team, "train")
    assert found["subject"] == f"Job {team}/train"
    [reason] = found["causes"]
    assert (reason["kind"], reason["quota"]) == ("quota", "cards")
    assert reason["users"] == [f"{team}/holder"]
    assert "kubectl edit resourcequota" in reason["fix"]


def refused(plane: ControlPlane, team: str) -> bool:
    events = plane.get("events", "-n", team)["items"]
    return any(one["reason"] == "FailedCreate" for one in events)


def test_a_run_of_kubeflow_pipelines_is_found_by_its_id(looked_at: ControlPlane, team: str) -> None:
    run = "0b1c2d3e-0000-4000-8000-000000000001"
    pod = gpu_pod("sluice-training-x7k2p-system-container-impl-1")
    pod["metadata"]["labels"] = {"pipeline/runid": run}
    pod["spec"]["nodeSelector"] = {PRODUCT: "Tesla-V100-SXM2-32BG"}
    start(looked_at, team, pod)
    cause(looked_at, team, pod["metadata"]["name"])
    [found] = why(team, run)
    assert found["causes"][0]["nearest"] == V100


def test_a_step_that_argo_could_not_make_is_told_by_its_workflow(looked_at: ControlPlane, team: str) -> None:
    run = "0b1c2d3e-0000-4000-8000-000000000002"
    define(looked_at, "argoproj.io", "workflows", "v1alpha1")
    message = (
        'pods "train" is forbidden: exceeded quota: cards, requested: requests.nvidia.com/gpu=1, '
        "used: requests.nvidia.com/gpu=1, limited: requests.nvidia.com/gpu=1"
    )
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "sluice-training-x7k2p", "labels": {"pipeline/runid": run}},
        "status": {"nodes": {"a": {"phase": "Pending", "message": message}, "b": {"phase": "Succeeded"}}},
    }
    try:
        assert looked_at.create(team, workflow) == ""
        [found] = why(team, run)
        assert found["subject"] == f"Workflow {team}/sluice-training-x7k2p"
        assert (found["causes"][0]["kind"], found["causes"][0]["quota"]) == ("quota", "cards")
    finally:
        forget(looked_at, "argoproj.io", "workflows")


def test_a_job_that_kueue_suspends_is_told_with_what_kueue_says(looked_at: ControlPlane, team: str) -> None:
    define(looked_at, "kueue.x-k8s.io", "workloads", "v1beta1")
    said = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"
    job = job_of(gpu_pod("train"))
    job["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "gpus"}
    job["spec"]["suspend"] = True
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": "1"}
    workload = {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": "Workload",
        "metadata": {"name": "job-train", "ownerReferences": [owner]},
        "status": {"conditions": [{"type": "QuotaReserved", "status": "False", "message": said}]},
    }
    try:
        assert looked_at.create(team, job) == ""
        owner["uid"] = looked_at.get("job", "-n", team, "train")["metadata"]["uid"]
        assert looked_at.create(team, workload) == ""
        [found] = why(team, "train")
        assert found["state"] == "is suspended"
        assert found["causes"][0]["what"] == f"Kueue holds it back in queue gpus: {said}"
    finally:
        forget(looked_at, "kueue.x-k8s.io", "workloads")


def test_a_gate_and_a_suspended_job_are_told(looked_at: ControlPlane, team: str) -> None:
    pod = gpu_pod("gated")
    pod["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
    start(looked_at, team, pod)
    job = job_of(gpu_pod("held"))
    job["spec"]["suspend"] = True
    assert looked_at.create(team, job) == ""
    found = {one["subject"]: one["causes"][0]["kind"] for one in why(team)}
    assert found == {f"pod {team}/gated": "gated", f"Job {team}/held": "suspended"}


def test_a_claim_that_is_not_there_is_told_with_the_one_that_is(looked_at: ControlPlane, team: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "sluice-store"}, "spec": spec}
    assert looked_at.create(team, claim) == ""
    pod = gpu_pod("lost")
    pod["spec"]["volumes"] = [{"name": "store", "persistentVolumeClaim": {"claimName": "sluice-stor"}}]
    start(looked_at, team, pod)
    found = cause(looked_at, team, "lost")
    assert (found["kind"], found["nearest"]) == ("no_claim", "sluice-store")


def test_a_cordoned_node_is_told_with_the_command_that_opens_it(looked_at: ControlPlane, team: str) -> None:
    looked_at.kubectl("cordon", "v100")
    try:
        start(looked_at, team, gpu_pod("train"))
        found = cause(looked_at, team, "train")
        assert (found["kind"], found["fix"]) == ("cordoned", "kubectl uncordon v100")
    finally:
        looked_at.kubectl("uncordon", "v100")
    looked_at.wait("it runs", lambda: looked_at.get("pod", "-n", team, "train")["status"]["phase"] == "Running")
    [now] = why(team, "train")
    assert (now["state"], now["causes"]) == ("runs on node v100", [])


def test_a_name_that_is_not_there_is_told_with_the_one_that_is(looked_at: ControlPlane, team: str) -> None:
    start(looked_at, team, gpu_pod("train"))
    result = CliRunner().invoke(app, ["why", "trian", "--namespace", team])
    assert result.exit_code == 2
    assert "did you mean train?" in result.output


def service(name: str, predictor: dict[str, Any], **annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "annotations": {f"serving.kserve.io/{key}": one for key, one in annotations.items()},
        },
        "spec": {"predictor": predictor},
    }


def test_a_service_is_explained_by_its_pod_or_by_what_kserve_says_of_it(looked_at: ControlPlane, team: str) -> None:
    own = [{"name": "kserve-container", "image": "x:1"}]
    odd = {"model": {"modelFormat": {"name": "unheard-of"}, "storageUri": "pvc://store/model"}}
    slip = {"containers": own, "nodeSelector": {PRODUCT: "Tesla-V100-SXM2-23GB"}}
    for one in (service("slip", slip), service("odd", odd), service("halted", {"containers": own}, stop="true")):
        assert looked_at.create(team, one) == ""
    expected = {"selector_typo", "service", "stopped"}

    def told() -> bool:
        return {cause["kind"] for one in why(team) for cause in one["causes"]} == expected

    looked_at.wait("all three are told", told)
    [slipped] = why(team, "slip")
    assert slipped["causes"][0]["nearest"] == V100
    [unheard] = why(team, "odd")
    assert "No runtime found" in unheard["causes"][0]["what"]
    [halted] = why(team, "halted")
    assert looked_at.kubectl(*halted["causes"][0]["fix"].split()[1:]).returncode == 0
    looked_at.wait("it has a pod again", lambda: why(team, "halted")[0]["subject"].startswith("pod "))
    looked_at.kubectl("delete", "inferenceservices", "-n", team, "--all")
