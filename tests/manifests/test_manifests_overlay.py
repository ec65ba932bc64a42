"""What overlays can set, as kustomize builds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

MANIFESTS = Path(__file__).parents[2] / "manifests"
PROFILES = ("dedicated", "shared", "cpu")
CLUSTER_WIDE = {"PriorityClass"}
Build = Callable[[str], list[dict[str, Any]]]


def by_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


@pytest.fixture(scope="module")
def example(build: Build) -> list[dict[str, Any]]:
    """The overlay in `manifests/example`."""
    return build("example")


def overlay(folder: Path, **fields: Any) -> str:
    """A kustomization; its place, as `build` takes it."""
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **fields}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return str(folder)


def config(name: str, *literals: str) -> dict[str, Any]:
    local = {"config.kubernetes.io/local-config": "true"}
    return {
        "name": name,
        "literals": list(literals),
        "options": {"disableNameSuffixHash": True, "annotations": local},
    }


def beside(folder: Path, name: str) -> str:
    """A tree, as an overlay elsewhere names it."""
    return "../" * len(folder.resolve().parts[1:]) + str((MANIFESTS / name).resolve()).lstrip("/")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_tree_is_in_the_namespace_forecasts(build: Build, profile: str) -> None:
    for each in build(profile):
        wanted = None if each["kind"] in CLUSTER_WIDE else "forecasts"
        assert each["metadata"].get("namespace") == wanted, each["metadata"]["name"]


def test_another_namespace_moves_all_and_leaves_nothing_behind(example: list[dict[str, Any]]) -> None:
    assert {each["metadata"].get("namespace") for each in example} == {"water", None}
    assert "forecasts" not in json.dumps(example)


def test_a_version_of_ones_own_model_is_made_champion(example: list[dict[str, Any]]) -> None:
    ((name, job),) = by_kind(example, "Job").items()
    assert name == "sluice-champion-3"
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments == ["models", "promote", "--store=/mnt/models", "weir", "3"]


def test_the_settings_themselves_are_not_applied(example: list[dict[str, Any]]) -> None:
    assert "model" not in by_kind(example, "ConfigMap")


def test_images_are_replaced_wherever_they_stand(build: Build, example: list[dict[str, Any]], tmp_path: Path) -> None:
    wanted = "registry.example.com/sluice@sha256:" + 64 * "0"
    assert images(example) == {wanted}
    ours = [
        {"name": "sluice-python", "newName": "registry.example.com/sluice"},
        {"name": "tensorflow/serving", "newTag": "2.21.0-gpu"},
    ]
    built = build(overlay(tmp_path, resources=[beside(tmp_path, "shared")], images=ours))
    assert images(built) == {"registry.example.com/sluice:0.1.0", "tensorflow/serving:2.21.0-gpu"}


def images(objects: list[dict[str, Any]]) -> set[str]:
    """Every image of a container."""
    found = set()

    def look(node: Any) -> None:
        if isinstance(node, dict):
            found.update(each["image"] for each in node.get("containers", []) if "image" in each)
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(objects)
    return found


def test_replicas_and_sizes_are_patched(example: list[dict[str, Any]]) -> None:
    predictor = by_kind(example, "InferenceService")["weir"]["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 6)
    claim = by_kind(example, "PersistentVolumeClaim")["sluice-store"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_model_s_name_is_replaced_wherever_it_stands(build: Build, profile: str, tmp_path: Path) -> None:
    built = build(
        overlay(
            tmp_path,
            resources=[beside(tmp_path, profile)],
            components=[beside(tmp_path, f"{profile}/model")],
            configMapGenerator=[config("model", "name=high_weir", "service=high-weir")],
        )
    )
    text = json.dumps(built)
    assert "reservoir" not in text
    (service,) = by_kind(built, "InferenceService")
    assert service == "high-weir"
    (runtime,) = by_kind(built, "ServingRuntime").values()
    assert "/high_weir/" in runtime["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"]
    budgets = by_kind(built, "PodDisruptionBudget").values()
    selected = {each["spec"]["selector"]["matchLabels"]["serving.kserve.io/inferenceservice"] for each in budgets}
    assert selected == {"high-weir"}
    assert by_kind(built, "Role")["sluice-deploy"]["rules"][0]["resourceNames"] == ["high-weir"]


@pytest.mark.parametrize("profile", PROFILES)
def test_pipelines_run_in_an_image_and_a_namespace_of_ones_own(build: Build, profile: str, tmp_path: Path) -> None:
    built = build(
        overlay(
            tmp_path,
            namespace="kubeflow",
            resources=[beside(tmp_path, f"pipelines/{profile}")],
            components=[beside(tmp_path, f"pipelines/{profile}/image")],
            configMapGenerator=[config("steps", "image=registry.example.com/sluice:0.1.0")],
        )
    )
    assert {each["metadata"]["namespace"] for each in built} == {"kubeflow"}
    versions = by_kind(built, "PipelineVersion")
    assert len(versions) == 2
    for version in versions.values():
        executors = version["spec"]["pipelineSpec"]["deploymentSpec"]["executors"].values()
        assert {each["container"]["image"] for each in executors} == {"registry.example.com/sluice:0.1.0"}
