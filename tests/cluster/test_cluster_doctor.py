"""`sluice doctor` against a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app

sys.path.insert(0, str(Path(__file__).parent))
from bare_kinds import define, forget
from control_plane import V100, ControlPlane, gpu_pod

pytestmark = pytest.mark.cluster


@pytest.fixture
def team(looked_at: ControlPlane, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    monkeypatch.setenv("KUBECONFIG", str(looked_at.home / "kubeconfig"))
    name = f"doctor-{abs(hash(request.node.name)) % 10**8}"
    looked_at.kubectl("create", "namespace", name)
    looked_at.wait("its service account", lambda: not looked_at.kubectl("get", "sa", "-n", name, "default").returncode)
    yield name
    looked_at.kubectl("delete", "pods", "-n", name, "--all", "--force", "--grace-period=0")
    looked_at.kubectl("delete", "namespace", name, "--wait=false")


def examined(team: str, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    result = CliRunner().invoke(app, ["doctor", "--namespace", team, "--json", *arguments])
    findings = json.loads(result.stdout)["findings"]
    return result.exit_code, {one["subject"]: one for one in findings}


def server(name: str, labels: dict[str, str], **environment: str) -> dict[str, Any]:
    env = [{"name": key, "value": value} for key, value in environment.items()]
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": "plain"},
            "containers": [{"name": "main", "image": f"{name}:2.17.0", "env": env}],
        },
    }
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def test_a_cluster_without_kubeflow_fails_with_the_command_that_installs_it(looked_at: ControlPlane, team: str) -> None:
    code, found = examined(team)
    assert code == 1
    assert found["kubeflow pipelines"]["level"] == "fail"
    assert "kubectl apply -k" in found["kubeflow pipelines"]["fix"]
    assert found["api"]["what"].startswith("Kubernetes 1.34")
    assert found["clock"]["level"] == "ok"
    assert found["kserve"]["level"] == "warn"
    assert found["kserve mode"]["what"] == "Standard: services are Deployments"
    assert found["gateway api"]["level"] == "warn"
    assert found["storage"]["what"].startswith("StorageClass standard is the default")
    assert found["node v100"]["what"] == "1 x Tesla-V100-SXM2-32GB, 1 free"
    assert found["driver of v100"]["level"] == "ok"
    assert all(one["fix"] for one in found.values() if one["level"] != "ok")


def test_with_kubeflow_and_a_controller_of_kserve_all_is_well(looked_at: ControlPlane, team: str) -> None:
    kinds = {
        "argoproj.io": ["workflows"],
        "kubeflow.org": ["scheduledworkflows"],
        "gateway.networking.k8s.io": ["gateways", "httproutes", "grpcroutes"],
    }
    for group, plurals in kinds.items():
        for plural in plurals:
            define(looked_at, group, plural)
    servers = (
        server("ml-pipeline", {"app": "ml-pipeline"}),
        server(
            "ml-pipeline-scheduledworkflow",
            {"app": "ml-pipeline-scheduledworkflow"},
            CRON_SCHEDULE_TIMEZONE="Asia/Seoul",
        ),
        server("kserve-controller-manager", {"control-plane": "kserve-controller-manager"}),
    )
    try:
        for one in servers:
            assert looked_at.create(team, one) == ""
        names = [one["metadata"]["name"] for one in servers]

        def ready() -> bool:
            found = [looked_at.get("deploy", "-n", team, name) for name in names]
            return all(one["status"].get("readyReplicas") == 1 for one in found)

        looked_at.wait("they are ready", ready)
        code, found = examined(team)
        assert code == 0, found
        assert found["kubeflow pipelines"]["what"].endswith("is ready")
        assert found["gateway api"]["level"] == "ok"
        assert found["schedules"]["fix"] == "submit with --controller-timezone Asia/Seoul"
    finally:
        for group, plurals in kinds.items():
            forget(looked_at, group, *plurals)


def test_the_trap_of_the_namespaces_label_is_told_and_its_fix_works(looked_at: ControlPlane, team: str) -> None:
    looked_at.kubectl("label", "namespace", team, "control-plane=team")
    _, found = examined(team)
    assert found["namespace labels"]["level"] == "fail"
    command = found["namespace labels"]["fix"].split()[1:]
    assert looked_at.kubectl(*command).returncode == 0
    _, found = examined(team)
    assert "namespace labels" not in found


def test_a_used_up_quota_is_told_with_what_is_left(looked_at: ControlPlane, team: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cards"}}
    assert looked_at.create(team, {**quota, "spec": {"hard": {"requests.nvidia.com/gpu": "1", "pods": "9"}}}) == ""
    looked_at.wait("the quota counts", lambda: "used" in looked_at.get("quota", "-n", team, "cards").get("status", {}))
    _, found = examined(team)
    assert found["quota cards"]["level"] == "ok"
    assert looked_at.create(team, gpu_pod("holder")) == ""

    def held() -> bool:
        return examined(team)[1]["quota cards"]["level"] == "warn"

    looked_at.wait("the quota is used up", held)
    _, found = examined(team)
    assert "requests.nvidia.com/gpu used up" in found["quota cards"]["what"]


def test_a_quota_on_memory_without_defaults_is_a_failure(looked_at: ControlPlane, team: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "memory"}}
    assert looked_at.create(team, {**quota, "spec": {"hard": {"limits.memory": "64Gi"}}}) == ""
    _, found = examined(team)
    assert found["limit range"]["level"] == "fail"
    default = {"type": "Container", "default": {"memory": "1Gi"}, "defaultRequest": {"memory": "1Gi"}}
    limits = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "all"}, "spec": {"limits": [default]}}
    assert looked_at.create(team, limits) == ""
    _, found = examined(team)
    assert "limit range" not in found


def test_a_namespace_that_is_not_there_is_a_failure(looked_at: ControlPlane, team: str) -> None:
    code, found = examined("nowhere")
    assert code == 1
    assert found["namespace"]["fix"] == "kubectl create namespace nowhere"


def test_somebody_with_few_rights_is_told_which_are_missing(
    looked_at: ControlPlane, team: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at.kubectl(
        "create", "rolebinding", "looks", "-n", team, "--clusterrole=view", f"--serviceaccount={team}:default"
    )
    token = looked_at.kubectl("create", "token", "default", "-n", team).stdout.strip()
    config = tmp_path / "kubeconfig"
    config.write_text((looked_at.home / "kubeconfig").read_text())
    config.chmod(0o600)
    environment = os.environ | {"KUBECONFIG": str(config)}
    kubectl = str(looked_at.home / "bin" / "kubectl")
    for arguments in (
        ("set-credentials", "guest", f"--token={token}"),
        ("set-context", "guest", "--user=guest", f"--cluster={cluster(looked_at)}"),
        ("use-context", "guest"),
    ):
        subprocess.run([kubectl, "config", *arguments], env=environment, check=True, capture_output=True)
    monkeypatch.setenv("KUBECONFIG", str(config))
    _, found = examined(team)
    assert found["gpus"]["what"] == "you may not read nodes"
    assert found["storage"]["what"] == "you may not read storage classes"
    why = found["rights: sluice why"]
    assert why["what"] == "you may not list nodes"
    # The command is one that the administrator can run as it is, but for the user.
    commands = why["fix"].removeprefix("an administrator: ").replace("--user=YOU", f"--serviceaccount={team}:default")
    for command in commands.split(" && "):
        assert looked_at.kubectl(*command.split()[1:]).returncode == 0
    _, found = examined(team)
    assert found["rights: sluice why"]["level"] == "ok"
    assert found["node v100"]["level"] == "ok"


def cluster(plane: ControlPlane) -> str:
    return plane.kubectl("config", "view", "-o", "jsonpath={.clusters[0].name}").stdout


def test_an_address_where_nobody_listens_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "gone", "cluster": {"server": "https://127.0.0.1:9"}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
        "current-context": "gone",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 2
    assert "https://127.0.0.1:9 can't be reached" in result.output
    wrong = CliRunner().invoke(app, ["doctor", "--context", "else"])
    assert wrong.exit_code == 2
    assert "choose one of: gone" in wrong.output


def test_cards_under_a_wrong_label_or_an_old_driver_are_failures(looked_at: ControlPlane, team: str) -> None:
    def label(*pairs: str) -> None:
        assert looked_at.kubectl("label", "node", "v100", "--overwrite", *pairs).returncode == 0

    driver = examined(team)[1]["driver of v100"]["what"].split()[0]
    label("nvidia.com/gpu.product=tesla-v100-sxm2-32gb", "nvidia.com/cuda.driver.major=470")
    label("nvidia.com/cuda.driver-version.major=470")
    try:
        code, found = examined(team)
        assert code == 1
        assert found["driver of v100"]["level"] == "fail"
        wrong = found["gpu labels"]
        assert wrong["level"] == "fail"
        assert looked_at.kubectl(*wrong["fix"].split()[1:]).returncode == 0
        assert "gpu labels" not in examined(team)[1]
    finally:
        label(f"nvidia.com/gpu.product={V100}", f"nvidia.com/cuda.driver.major={driver}")
        label("nvidia.com/cuda.driver-version.major-")
