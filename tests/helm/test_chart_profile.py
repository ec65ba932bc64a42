"""The pipelines' profile that the chart makes: a preset with the release's names and what `training` says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.platform.profile import Profile, load_profile, parse_profile, profile_names

sys.path.insert(0, str(Path(__file__).parent))
from helm_chart import CHART, KUBE_VERSION

# What a release says otherwise than a preset of the same content.
TOLD = {"name", "description"}


def made(objects: list[dict[str, Any]], release: str = "demo-sluice") -> Profile:
    """The profile in the ConfigMap."""
    (found,) = [
        each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"].endswith("-profile")
    ]
    assert found["metadata"]["name"] == f"{release}-profile"
    return parse_profile(found["data"]["profile.yaml"], "the chart")


def facts(profile: Profile) -> dict[str, Any]:
    """A profile, the order of its products left aside."""
    found = profile.model_dump(exclude=TOLD)
    for step in found["steps"].values():
        if step["accelerator"]:
            step["accelerator"]["products"] = sorted(step["accelerator"]["products"])
    return found


@pytest.mark.parametrize("name", profile_names())
def test_a_release_of_the_presets_name_makes_the_preset(chart: Any, name: str) -> None:
    place = ["template", "sluice", str(CHART), "--namespace", "forecasts", "--kube-version", KUBE_VERSION]
    done = chart.run(*place, "--values", str(CHART / f"values-{name}.yaml"))
    assert done.returncode == 0, done.stderr
    profile = made([each for each in yaml.safe_load_all(done.stdout) if each], "sluice")
    assert facts(profile) == facts(load_profile(name))


def test_what_the_values_say_of_training_is_in_the_profile(chart: Any) -> None:
    training = {
        "batch": 48,
        "microBatch": 12,
        "precision": "float32",
        "window": "22:30-06:00",
        "timeZone": "Asia/Seoul",
        "gpuAtOnce": 3,
        "cpuAtOnce": 5,
        "budgetMinutes": 97.5,
    }
    profile = made(chart.render({"training": training, "gpu": {"cards": 4}}))
    assert profile.training.model_dump() == {
        "batch": 48,
        "micro_batch": 12,
        "precision": "float32",
        "window": "22:30-06:00",
        "timezone": "Asia/Seoul",
    }
    assert (profile.gpu_trainings_at_once, profile.cpu_trainings_at_once, profile.budget_minutes) == (3, 5, 97.5)


def test_claims_cards_image_and_queue_are_the_releases(chart: Any) -> None:
    toleration = {"key": "old", "operator": "Exists"}
    values = {
        "store": {"pvc": {"name": "levels", "path": "water/store"}},
        "work": {"pvc": {"name": "scratch"}},
        "gpu": {"cards": 2, "products": ["Tesla-T4"], "productTolerations": {"Tesla-T4": [toleration]}},
        "quota": {"trainingGpus": 2},
        "image": {"repository": "registry.example.com/sluice", "pullPolicy": "Always", "pullSecrets": ["pull"]},
    }
    profile = made(chart.render(values, "shared"))
    mounts = {mount.claim: (mount.path, mount.sub_path) for mount in profile.step("deploy").mounts or ()}
    assert mounts == {"scratch": ("/mnt/work", ""), "levels": ("/mnt/models", "water/store")}
    training = profile.member("stacked_lstm")
    assert training.accelerator is not None
    assert (training.accelerator.count, training.accelerator.products) == (2, ("Tesla-T4",))
    assert [each.key for each in training.tolerations or ()] == ["nvidia.com/gpu", "old"]
    assert training.labels["kueue.x-k8s.io/queue-name"] == "demo-sluice"
    assert (profile.image, profile.image_pull_policy) == ("registry.example.com/sluice:0.1.0", "Always")
    assert profile.image_pull_secrets == ("pull",)


@pytest.mark.parametrize(("cards", "preset"), [(0, "cpu"), (1, "shared"), (3, "dedicated")])
def test_where_serving_has_no_card_the_cards_train(chart: Any, cards: int, preset: str) -> None:
    profile = made(chart.render({"gpu": {"cards": cards}}, "cpu"))
    assert profile.name == preset
    assert profile.member("stacked_lstm").cards == min(cards, 1)
    assert profile.serving.rest == "http://reservoir-predictor"


def test_the_smoke_test_asks_the_service_that_there_is_and_shows_a_key_where_one_is_wanted(chart: Any) -> None:
    plain = made(chart.render({"transformer": {"enabled": False}, "serving": {"model": "weir"}})).serving
    assert (plain.rest, plain.grpc) == ("http://weir-predictor", "grpc://weir-predictor:9000")
    keyed = made(chart.render({"serving": {"keysSecret": "keys"}, "tests": {"keySecret": "own"}}))
    (secret,) = keyed.step("smoke_test").secrets or ()
    assert keyed.serving.key_file == f"{secret.path}/key"
    assert secret.secret == "own"
    # Without a key it would be refused, and would roll every version back.
    without = {"serving": {"keysSecret": "keys"}, "tests": {"enabled": False}}
    for values in (without, {"serving": {"enabled": False}}):
        assert made(chart.render(values)).serving.rest == ""


def test_there_is_none_where_it_is_off_or_the_store_is_no_claim(chart: Any) -> None:
    bucket = {"kind": "s3", "s3": {"uri": "s3://models/water"}}
    for values in ({"training": {"enabled": False}}, {"store": bucket, "networkPolicy": {"enabled": False}}):
        names = [each["metadata"]["name"] for each in chart.render(values)]
        assert not [name for name in names if name.endswith("-profile")]
