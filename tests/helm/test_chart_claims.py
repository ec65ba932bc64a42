"""The claims of store and work, and that pipelines and chart mean the same by a name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from pipelines.platform.profile import Profile, load_profile, profile_names
from pipelines.platform.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))
from helm_chart import CHART, KUBE_VERSION

QUEUE = "kueue.x-k8s.io/queue-name"
KUEUE = 'kueue.flavors=[{"product":"Tesla-V100-SXM2-32GB","gpus":1,"cpu":8,"memory":"64Gi"}]'


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by name."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def test_both_claims_outlive_the_release(chart: Any) -> None:
    claims = of_kind(chart.render(), "PersistentVolumeClaim")
    assert set(claims) == {"demo-sluice-store", "demo-sluice-work"}
    assert all(each["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for each in claims.values())


def test_the_claim_of_work_is_as_the_values_say(chart: Any) -> None:
    own = {"name": "scratch", "size": "5Gi", "accessModes": ["ReadWriteOnce"], "storageClassName": "fast"}
    claim = of_kind(chart.render({"work": {"pvc": own}}), "PersistentVolumeClaim")["scratch"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "5Gi"}},
    }
    usual = of_kind(chart.render(), "PersistentVolumeClaim")["demo-sluice-work"]["spec"]
    assert "storageClassName" not in usual


def test_the_claim_of_work_can_be_left_out(chart: Any) -> None:
    claims = of_kind(chart.render({"work": {"pvc": {"create": False}}}), "PersistentVolumeClaim")
    assert set(claims) == {"demo-sluice-store"}


@pytest.fixture(scope="module", params=profile_names())
def agreed(request: pytest.FixtureRequest, chart: Any) -> tuple[Profile, list[dict[str, Any]]]:
    """A preset of the pipelines, and the release `sluice` of the chart's profile of that name."""
    name = str(request.param)
    queues = [] if name == "cpu" else ["--set", "kueue.enabled=true", "--set-json", KUEUE]
    place = ["template", "sluice", str(CHART), "--namespace", "forecasts", "--kube-version", KUBE_VERSION]
    done = chart.run(*place, "--values", str(CHART / f"values-{name}.yaml"), *queues)
    assert done.returncode == 0, done.stderr
    return load_profile(name), [each for each in yaml.safe_load_all(done.stdout) if each]


def asked(profile: Profile) -> list[Settings]:
    """What steps and trainings ask for."""
    return [*map(profile.step, profile.steps), *map(profile.member, [*profile.members, "stacked_lstm"])]


def test_steps_mount_claims_that_the_chart_makes(agreed: tuple[Profile, list[dict[str, Any]]]) -> None:
    profile, objects = agreed
    mounted = {mount.claim: mount.path for settings in asked(profile) for mount in settings.mounts or ()}
    assert mounted == {"sluice-store": profile.store, "sluice-work": profile.work}
    assert set(mounted) == set(of_kind(objects, "PersistentVolumeClaim"))
    # models.config holds the path, and servers read it.
    assert profile.store == "/mnt/models"


def test_the_smoke_test_asks_the_service_that_takes_requests(agreed: tuple[Profile, list[dict[str, Any]]]) -> None:
    profile, objects = agreed
    ((name, service),) = of_kind(objects, "InferenceService").items()
    (runtime,) = of_kind(objects, "ServingRuntime").values()
    front = service["spec"].get("transformer", runtime["spec"])
    kind = "transformer" if "transformer" in service["spec"] else "predictor"
    rest, grpc = urlsplit(profile.serving.rest), urlsplit(profile.serving.grpc)
    assert rest.hostname == grpc.hostname == f"{name}-{kind}" == f"reservoir-{kind}"
    ports = {each["name"]: each["containerPort"] for each in front["containers"][0]["ports"]}
    # KServe's Service has the first port as 80 and the others under their own numbers.
    assert (rest.port or 80, next(iter(ports))) == (80, "http")
    assert grpc.port == ports["grpc-predict"]


def test_trainings_want_the_chart_s_cards_and_wait_in_its_queue(agreed: tuple[Profile, list[dict[str, Any]]]) -> None:
    profile, objects = agreed
    training = profile.member("stacked_lstm")
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["gpu"]
    if training.accelerator is None:
        assert profile.name == "cpu"
        return
    assert set(training.accelerator.products) == set(values["products"])
    tolerated = [each.model_dump(exclude_none=True) for each in training.tolerations or ()]
    assert tolerated == values["tolerations"]
    queue = training.labels.get(QUEUE)
    assert queue is None or queue in of_kind(objects, "LocalQueue")
    assert (queue is not None) == (profile.name == "shared")
