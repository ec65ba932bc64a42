"""The kustomize trees, applied to a real API server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from control_plane import ROOT, ControlPlane

pytestmark = pytest.mark.cluster
MANIFESTS = ROOT / "manifests"
PROFILES = ("dedicated", "shared", "cpu")


@pytest.fixture
def places(looked_at: ControlPlane) -> Iterator[ControlPlane]:
    """The namespaces of trees and example, of the `restricted` level; gone afterwards."""
    for name in ("forecasts", "water"):
        looked_at.wait("it is free", lambda name=name: bool(looked_at.kubectl("get", "ns", name).returncode))  # type: ignore[misc]
        looked_at.restricted(name)
    yield looked_at
    for name in ("forecasts", "water"):
        looked_at.remove(name)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_tree_is_applied_strictly_and_becomes_restricted_pods(places: ControlPlane, profile: str) -> None:
    tree = str(MANIFESTS / profile)
    tried = places.kubectl("apply", "-k", tree, "--dry-run=server", "--validate=strict")
    assert tried.returncode == 0, tried.stderr
    applied = places.kubectl("apply", "-k", tree, "--validate=strict")
    assert applied.returncode == 0, applied.stderr
    assert len(applied.stdout.splitlines()) == len(tried.stdout.splitlines())
    places.wait("it is ready", lambda: places.available("forecasts"))

    pods = places.get("pods", "-n", "forecasts")["items"]
    nodes = {pod["metadata"]["labels"]["component"]: pod["spec"]["nodeName"] for pod in pods}
    assert nodes == ({"predictor": "plain"} if profile == "cpu" else {"predictor": "v100", "transformer": "plain"})
    assert {pod["spec"]["priority"] for pod in pods} == {100000}
    if profile != "cpu":
        quota = places.get("resourcequota", "sluice-gpu-serving", "-n", "forecasts")
        assert quota["status"]["used"] == {"requests.nvidia.com/gpu": "1"}
    again = places.kubectl("apply", "-k", tree)
    assert again.returncode == 0, again.stderr
    left = {pod["metadata"]["name"] for pod in places.get("pods", "-n", "forecasts")["items"]}
    assert left == {pod["metadata"]["name"] for pod in pods}
    gone = places.kubectl("delete", "-k", tree, "--wait=false")
    assert gone.returncode == 0, gone.stderr


def test_the_example_s_namespace_holds_for_rights_quotas_and_the_champion_s_job(places: ControlPlane) -> None:
    example = str(MANIFESTS / "example")
    applied = places.kubectl("apply", "-k", example, "--validate=strict")
    assert applied.returncode == 0, applied.stderr
    places.wait("it is ready", lambda: places.available("water"))
    account = ("--as", "system:serviceaccount:water:pipeline-runner", "-n", "water")
    service = "inferenceservices.serving.kserve.io/weir"
    assert places.kubectl("auth", "can-i", "get", service, *account).stdout.strip() == "yes"
    assert places.kubectl("auth", "can-i", "patch", service, *account).stdout.strip() == "no"
    job = "sluice-champion-3"
    places.wait("the job ends", lambda: places.get("job", job, "-n", "water")["status"].get("succeeded") == 1)
    (autoscaler,) = places.get("hpa", "-n", "water")["items"]
    assert (autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]) == (2, 6)
    assert not places.get("deployments", "-n", "forecasts")["items"]
    assert places.kubectl("delete", "-k", example, "--wait=false").returncode == 0
