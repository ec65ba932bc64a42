"""The chart on a real API server: accepted strictly, placed, upgraded, rolled back."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "helm"))
from control_plane import CHART, ControlPlane
from everything import PROFILES, VARIANTS, served, values_of

pytestmark = pytest.mark.cluster
APPLY = ("apply", "--dry-run=server", "--validate=strict", "--filename", "-")


@pytest.fixture
def space(looked_at: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the `restricted` level; it, its release and its pods are gone afterwards."""
    name = f"chart-{abs(hash(request.node.name)) % 10**8}"
    looked_at.restricted(name)
    yield name
    looked_at.kubectl("delete", "inferenceservices", "-n", name, "--all", "--wait=false")
    looked_at.remove(name)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("variant", ["plain", *VARIANTS])
def test_the_api_server_takes_every_object_strictly(
    looked_at: ControlPlane, space: str, tmp_path: Path, variant: str, profile: str
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({} if variant == "plain" else values_of(variant, profile)), encoding="utf-8")
    text = looked_at.helm(
        *("template", "demo", str(CHART), "--namespace", space, "--kube-version", "1.34.0"),
        *("--values", str(CHART / f"values-{profile}.yaml"), "--values", str(values)),
    )
    known = [each for each in yaml.safe_load_all(text) if each and served(each)]
    told = looked_at.kubectl(*APPLY, given={"apiVersion": "v1", "kind": "List", "items": known})
    assert told.returncode == 0, told.stderr
    assert len(told.stdout.splitlines()) == len(known)
    assert "inferenceservice.serving.kserve.io/reservoir created (server dry run)" in told.stdout


def test_strict_validation_finds_a_field_that_is_not_there(looked_at: ControlPlane, space: str) -> None:
    thing = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "wrong", "namespace": space},
        "spec": {"predictor": {"modle": {}}},
    }
    assert "modle" in looked_at.kubectl(*APPLY, given=thing).stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_becomes_restricted_pods_on_the_right_nodes(
    looked_at: ControlPlane, space: str, profile: str
) -> None:
    # A card that is free, and of another product.
    looked_at.tool("gpu-node", "t4", "--product", "Tesla-T4", "--gpus", "4", "--taint")
    try:
        values = str(CHART / f"values-{profile}.yaml")
        looked_at.helm("install", "demo", str(CHART), "--namespace", space, "--values", values)
        looked_at.wait("it is ready", lambda: looked_at.available(space))
        pods = looked_at.get("pods", "-n", space)["items"]
        nodes = {pod["metadata"]["labels"]["component"]: pod["spec"]["nodeName"] for pod in pods}
        wanted = {"predictor": "plain"} if profile == "cpu" else {"predictor": "v100", "transformer": "plain"}
        assert nodes == wanted
        looked_at.helm("uninstall", "demo", "--namespace", space)
    finally:
        looked_at.kubectl("delete", "node", "t4")


def test_a_release_is_upgraded_rolled_back_and_leaves_its_claims(
    looked_at: ControlPlane, space: str, tmp_path: Path
) -> None:
    release = ("demo", str(CHART), "--namespace", space)
    looked_at.helm("install", *release)
    looked_at.wait("it is ready", lambda: looked_at.available(space))
    first = names(looked_at, space)

    newer = tmp_path / "sluice"
    shutil.copytree(CHART, newer)
    about = (newer / "Chart.yaml").read_text(encoding="utf-8").replace("version: 0.1.0", "version: 0.1.1", 1)
    (newer / "Chart.yaml").write_text(about, encoding="utf-8")
    looked_at.helm("upgrade", "demo", str(newer), "--namespace", space)
    time.sleep(3)
    assert names(looked_at, space) == first, "a new chart version alone must not take the card from its pod"

    looked_at.helm("upgrade", *release, "--set", "serving.tfserving.batching.numBatchThreads=4")
    looked_at.wait("the new pod", lambda: names(looked_at, space) != first and len(names(looked_at, space)) == 2)
    looked_at.wait("it is ready", lambda: looked_at.available(space))

    looked_at.helm("rollback", "demo", "1", "--namespace", space)
    config: dict[str, Any] = looked_at.get("configmap", "demo-sluice-tfserving", "-n", space)["data"]
    assert "num_batch_threads { value: 2 }" in config["batching.config"]

    looked_at.helm("uninstall", "demo", "--namespace", space)
    assert names(looked_at, space, "pvc") == {"demo-sluice-store", "demo-sluice-work"}
    looked_at.helm("install", *release)
    looked_at.helm("uninstall", "demo", "--namespace", space)


def names(plane: ControlPlane, space: str, kind: str = "pods") -> set[str]:
    return {each["metadata"]["name"] for each in plane.get(kind, "-n", space)["items"]}


def test_two_namespaces_have_a_release_of_the_same_name(looked_at: ControlPlane, space: str) -> None:
    """Objects of the whole cluster are named after both."""
    other = f"{space}-too"
    looked_at.restricted(other)
    try:
        for namespace in (space, other):
            looked_at.helm("install", "demo", str(CHART), "--namespace", namespace, "--set", "serving.enabled=false")
        classes = {each["metadata"]["name"] for each in looked_at.get("priorityclasses")["items"]}
        assert {f"{space}-demo-sluice-serving", f"{other}-demo-sluice-serving"} <= classes
        quota = looked_at.get("resourcequota", "demo-sluice-gpu-serving", "-n", other)
        assert f"{other}-demo-sluice-serving" in json.dumps(quota["spec"])
    finally:
        for namespace in (space, other):
            looked_at.helm("uninstall", "demo", "--namespace", namespace, "--ignore-not-found")
        looked_at.remove(other)
