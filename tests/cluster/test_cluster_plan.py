"""What `sluice plan` writes, on a real API server and scheduler."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from control_plane import CHART, V100, ControlPlane

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.plan.helm_values import helm_values, profile
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess
from pipelines.platform.profile import parse_profile

pytestmark = pytest.mark.cluster


@pytest.fixture
def space(looked_at: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the `restricted` level; it, its release and its pods are gone afterwards."""
    name = f"plan-{abs(hash(request.node.name)) % 10**8}"
    looked_at.restricted(name)
    yield name
    looked_at.helm("uninstall", "demo", "--namespace", name, "--ignore-not-found")
    looked_at.kubectl("delete", "inferenceservices", "-n", name, "--all", "--wait=false")
    looked_at.remove(name)


@pytest.mark.parametrize(
    ("cards", "place", "node"),
    [("v100-sxm2-32gb", "card", "v100"), ("v100-sxm2-32gb x2", "card", "v100"), ("v100-sxm2-32gb", "cpu", "plain")],
)
def test_planned_values_drive_the_chart(
    looked_at: ControlPlane, space: str, tmp_path: Path, cards: str, place: str, node: str
) -> None:
    catalogue = load_catalogue()
    answer = assess(request_of(Wishes(cards=cards, serve_on=place), catalogue), Knowledge(catalogue))
    document = helm_values(answer)
    values = tmp_path / "values.yaml"
    values.write_text(document.text(), encoding="utf-8")
    looked_at.helm("install", "demo", str(CHART), "--namespace", space, "--values", str(values))
    looked_at.wait("it is ready", lambda: looked_at.available(space))
    pods = looked_at.get("pods", "-n", space)["items"]
    (serving,) = [each for each in pods if each["metadata"]["labels"]["component"] == "predictor"]
    assert serving["spec"]["nodeName"] == node
    made = looked_at.get("configmap", "demo-sluice-profile", "-n", space)["data"]["profile.yaml"]
    found, wanted = parse_profile(made, "the cluster"), parse_profile(profile(answer).text(), "planned")
    assert (found.training, found.budget_minutes) == (wanted.training, wanted.budget_minutes)
    assert found.step("train").accelerator == wanted.step("train").accelerator
    claims = {each["metadata"]["name"] for each in looked_at.get("pvc", "-n", space)["items"]}
    assert {mount.claim for mount in found.step("deploy").mounts or ()} == claims
    quotas = looked_at.get("resourcequotas", "-n", space)["items"]
    hard = {each["metadata"]["name"]: each["spec"]["hard"].get("requests.nvidia.com/gpu") for each in quotas}
    if place == "cpu":
        assert hard == {"demo-sluice-gpu": "1"}
    else:
        assert V100 in document.values["gpu"]["products"]
        total = document.values["gpu"]["cards"]
        rest = total if total == 1 else total - 1
        assert (hard["demo-sluice-gpu-serving"], hard["demo-sluice-gpu-rest"]) == ("1", str(rest))
