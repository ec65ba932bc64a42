"""Quotas, default requests and priorities, in each profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from helm_chart import CHART, KUBE_VERSION

GPU = "requests.nvidia.com/gpu"
SERVING = "forecasts-demo-sluice-serving"


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by name."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def gpus(objects: list[dict[str, Any]]) -> dict[str, str]:
    """GPUs by the class that a quota counts: `In`, `NotIn`, or empty for all pods."""
    found = {}
    for quota in of_kind(objects, "ResourceQuota").values():
        if GPU not in quota["spec"]["hard"]:
            continue
        scopes = quota["spec"].get("scopeSelector", {}).get("matchExpressions", [{"operator": ""}])
        assert all(each.get("values", [SERVING]) == [SERVING] for each in scopes)
        found[scopes[0]["operator"]] = quota["spec"]["hard"][GPU]
    return found


@pytest.mark.parametrize(
    ("profile", "wanted"),
    [("dedicated", {"In": "1", "NotIn": "1"}), ("shared", {"In": "1", "NotIn": "1"}), ("cpu", {"": "0"})],
)
def test_each_profile_has_its_gpu_quotas(chart: Any, profile: str, wanted: dict[str, str]) -> None:
    assert gpus(chart.render(profile=profile)) == wanted


def test_dedicated_splits_the_cards_and_shared_counts_them_twice(chart: Any) -> None:
    cards = {"gpu": {"cards": 4, "servingCards": 1}}
    assert gpus(chart.render(cards, "dedicated")) == {"In": "1", "NotIn": "3"}
    assert gpus(chart.render(cards, "shared")) == {"In": "1", "NotIn": "4"}


def test_without_serving_on_a_card_all_cards_are_for_training(chart: Any) -> None:
    assert gpus(chart.render({"gpu": {"cards": 3}}, "cpu")) == {"": "3"}


def test_the_quota_counts_the_class_that_serving_pods_have(chart: Any) -> None:
    objects = chart.render({"serving": {"priorityClassName": "water-first"}, "priorities": {"enabled": False}})
    values = {
        value
        for quota in of_kind(objects, "ResourceQuota").values()
        for each in quota["spec"]["scopeSelector"]["matchExpressions"]
        for value in each["values"]
    }
    service = of_kind(objects, "InferenceService")["reservoir"]["spec"]
    assert values == {service["predictor"]["priorityClassName"]} == {"water-first"}
    assert not of_kind(objects, "PriorityClass")


def test_priorities_stand_above_each_other_and_only_extras_wait(chart: Any) -> None:
    classes = of_kind(chart.render(), "PriorityClass")
    values = [classes[f"forecasts-demo-sluice-{kind}"]["value"] for kind in ("serving", "training", "extras")]
    assert values == sorted(values, reverse=True)
    # A step of Kubeflow Pipelines names no class, so it stands at 0: below serving, above extras.
    assert values[0] > 0 >= values[1] > values[2]
    policies = [
        classes[f"forecasts-demo-sluice-{kind}"]["preemptionPolicy"] for kind in ("serving", "training", "extras")
    ]
    assert policies == ["PreemptLowerPriority", "PreemptLowerPriority", "Never"]
    assert not any(each["globalDefault"] for each in classes.values())


def test_two_namespaces_do_not_share_a_priority_class(chart: Any) -> None:
    assert all(name.startswith("forecasts-demo-sluice-") for name in of_kind(chart.render(), "PriorityClass"))


def test_names_of_classes_stay_different_and_short_enough_for_a_label(chart: Any) -> None:
    def classes(release: str, namespace: str) -> set[str]:
        done = chart.run("template", release, str(CHART), "--namespace", namespace, "--kube-version", KUBE_VERSION)
        return set(of_kind([each for each in yaml.safe_load_all(done.stdout) if each], "PriorityClass"))

    long = "n" * 50
    found = classes("a-long-name-of-a-release-1", long) | classes("a-long-name-of-a-release-2", long)
    assert len(found) == 6
    assert all(len(name) <= 63 for name in found)


def test_a_prefix_makes_classes_the_same_for_all_namespaces(chart: Any) -> None:
    objects = chart.render({"priorities": {"prefix": "water"}}, "shared")
    assert set(of_kind(objects, "PriorityClass")) == {"water-serving", "water-training", "water-extras"}
    service = of_kind(objects, "InferenceService")["reservoir"]["spec"]
    assert service["predictor"]["priorityClassName"] == service["transformer"]["priorityClassName"] == "water-serving"
    scopes = [each["spec"]["scopeSelector"] for each in of_kind(objects, "ResourceQuota").values()]
    assert [scope["matchExpressions"][0]["values"] for scope in scopes] == [["water-serving"], ["water-serving"]]


def test_containers_without_resources_get_some(chart: Any) -> None:
    limits = of_kind(chart.render(), "LimitRange")["demo-sluice"]["spec"]["limits"]
    assert limits == [
        {
            "type": "Container",
            "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
            "default": {"cpu": "4", "memory": "8Gi"},
        }
    ]


def test_further_limits_are_a_quota_of_all_pods(chart: Any) -> None:
    hard = {"requests.cpu": "32", "limits.memory": "128Gi", "pods": 50}
    quota = of_kind(chart.render({"quota": {"hard": hard}}), "ResourceQuota")["demo-sluice"]
    assert quota["spec"] == {"hard": {"requests.cpu": "32", "limits.memory": "128Gi", "pods": "50"}}


@pytest.mark.parametrize(
    ("section", "kind"), [("quota", "ResourceQuota"), ("limitRange", "LimitRange"), ("priorities", "PriorityClass")]
)
def test_each_can_be_left_out(chart: Any, section: str, kind: str) -> None:
    values = {section: {"enabled": False}, "serving": {"priorityClassName": "water-first"}}
    assert of_kind(chart.render(), kind)
    assert not of_kind(chart.render(values), kind)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"quota": {"trainingGpus": 2}}, "one training step asks for 2 GPUs (quota.trainingGpus)"),
        ({"priorities": {"enabled": False}}, "name one in serving.priorityClassName"),
        ({"quota": {"hard": {"requests.cpu": "2"}}}, "quota.hard.requests.cpu is 2, less than serving asks for"),
        ({"quota": {"hard": {"requests.memory": "4.5Gi"}}}, "quota.hard.requests.memory is 4.5Gi"),
        ({"quota": {"hard": {"requests.nvidia.com/gpu": 1}}}, "set gpu.cards and gpu.servingCards instead"),
        ({"quota": {"hard": {"limits.cpu": 64}}, "limitRange": {"enabled": False}}, "set limitRange.enabled to true"),
        (
            {"quota": {"hard": {"limits.cpu": 64}}, "limitRange": {"default": {"cpu": None}}},
            "set limitRange.enabled to true and limitRange.default.cpu",
        ),
        ({"limitRange": {"default": {"cpu": "50m"}}}, "limitRange.default.cpu is 50m, less than"),
        ({"priorities": {"training": 100000}}, "priorities.serving is 100000, not above priorities.training"),
        ({"priorities": {"extras": 5}}, "priorities.training is 0, not above priorities.extras, 5"),
        ({"priorities": {"serving": -1, "training": -2, "extras": -3}}, "serving has to stand above them"),
        ({"priorities": {"serving": 2_000_000_000}}, "/priorities/serving"),
        ({"priorities": {"prefix": "Water"}}, "/priorities/prefix"),
        ({"quota": {"hards": {}}}, "additional properties 'hards' not allowed"),
        ({"limitRange": {"default": {"cpu": "four"}}}, "/limitRange/default/cpu"),
    ],
)
def test_impossible_values_are_refused(chart: Any, values: dict[str, Any], said: str) -> None:
    assert said in chart.refusal(values)


def test_what_just_fits_is_taken(chart: Any) -> None:
    # 2 CPU and 4Gi of the predictor, 500m and 1Gi of the transformer.
    chart.render({"quota": {"hard": {"requests.cpu": "2500m", "requests.memory": "5120Mi"}}})
    assert "requests.cpu is 2499m" in chart.refusal({"quota": {"hard": {"requests.cpu": "2499m"}}})
    assert "requests.memory is 5119Mi" in chart.refusal({"quota": {"hard": {"requests.memory": "5119Mi"}}})
