"""What a profile becomes in the compiled pipeline: exact settings at the right executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import InputError
from components.train.registry import DEFAULT_MEMBERS
from pipelines.compile import Manifest, compile_pipeline
from pipelines.platform.parity import SETTINGS, asked_of_platforms
from pipelines.platform.platform import on_cluster
from pipelines.platform.profile import load_profile, parse_profile, profile_names

SMALL = """
name: small
image: sluice:0.1.0
image_pull_policy: Always
image_pull_secrets: [pull]
defaults: {labels: {team: water}}
steps:
  train:
    cpu: {request: 500m, limit: "2"}
    memory: {request: 1Gi, limit: 2Gi}
    accelerator: {count: 2, products: [Tesla-V100-SXM2-32GB]}
    node_selector: {zone: a}
    tolerations: [{key: card, operator: Equal, value: v100, effect: NoSchedule}]
    retry: {times: 3, wait_seconds: 10, factor: 3, longest_seconds: 90}
    timeout_seconds: 7
    labels: {kueue.x-k8s.io/queue-name: night, kueue.x-k8s.io/priority-class: low}
    env: {TF_FORCE_GPU_ALLOW_GROWTH: "true"}
    mounts: [{claim: work, path: /mnt/work, sub_path: here}]
    secrets: [{secret: keys, path: /keys}]
members:
  linear: {accelerator: {count: 0}, node_selector: {zone: null}, tolerations: [], timeout_seconds: 5}
"""


def documents(profile: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    loaded = load_profile(profile) if profile in profile_names() else parse_profile(profile, "small.yaml")
    path = compile_pipeline("training", folder / "p.yaml", on_cluster(loaded))
    pipeline, platform = yaml.safe_load_all(path.read_text())
    return pipeline, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    return documents(SMALL, tmp_path_factory.mktemp("small"))


def container(pipeline: dict[str, Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = pipeline["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
    return found


def task(pipeline: dict[str, Any], name: str) -> dict[str, Any]:
    for component in (pipeline["root"], *pipeline["components"].values()):
        if name in component.get("dag", {}).get("tasks", {}):
            found: dict[str, Any] = component["dag"]["tasks"][name]
            return found
    raise AssertionError(name)


def test_a_training_asks_for_exactly_what_the_profile_says(small):
    pipeline, executors = small
    resources = container(pipeline, "train")["resources"]
    assert {key: value for key, value in resources.items() if key.startswith("resource")} == {
        "resourceCpuRequest": "500m",
        "resourceCpuLimit": "2",
        "resourceMemoryRequest": "1Gi",
        "resourceMemoryLimit": "2Gi",
    }
    accelerator = resources["accelerator"]
    assert (accelerator["resourceType"], accelerator["resourceCount"]) == ("nvidia.com/gpu", "2")
    assert container(pipeline, "train")["env"] == [{"name": "TF_FORCE_GPU_ALLOW_GROWTH", "value": "true"}]
    assert task(pipeline, "train")["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "10s",
        "backoffFactor": 3.0,
        "backoffMaxDuration": "90s",
    }
    asked = executors["exec-train"]
    assert asked["nodeSelector"]["labels"] == {"nvidia.com/gpu.product": "Tesla-V100-SXM2-32GB", "zone": "a"}
    assert asked["tolerations"] == [{"key": "card", "operator": "Equal", "value": "v100", "effect": "NoSchedule"}]
    assert asked["activeDeadlineSeconds"] == "7"
    assert asked["podMetadata"]["labels"] == {
        "team": "water",
        "kueue.x-k8s.io/queue-name": "night",
        "kueue.x-k8s.io/priority-class": "low",
    }
    assert asked["imagePullPolicy"] == "Always"
    assert [secret["secretName"] for secret in asked["imagePullSecret"]] == ["pull"]
    (mount,) = asked["pvcMount"]
    assert (mount["constant"], mount["mountPath"], mount["subPath"]) == ("work", "/mnt/work", "here")
    assert [(secret["secretName"], secret["mountPath"]) for secret in asked["secretAsVolume"]] == [("keys", "/keys")]


def test_a_member_that_asks_for_something_else_has_a_loop_and_an_executor_of_its_own(small):
    pipeline, executors = small
    assert "accelerator" not in container(pipeline, "train-2")["resources"]
    assert "nodeSelector" not in executors["exec-train-2"]
    assert "tolerations" not in executors["exec-train-2"]
    assert executors["exec-train-2"]["activeDeadlineSeconds"] == "5"
    defaults = pipeline["root"]["inputDefinitions"]["parameters"]
    lists = [[item["member"] for item in defaults[name]["defaultValue"]] for name in ("members", "members_2")]
    assert lists == [[name for name in DEFAULT_MEMBERS if name != "linear"], ["linear"]]
    inputs = task(pipeline, "ensemble")["inputs"]["artifacts"]
    assert inputs["members"]["taskOutputArtifact"]["producerTask"] == "for-loop-1"
    assert inputs["members_2"]["taskOutputArtifact"]["producerTask"] == "for-loop-2"
    assert "members_3" not in inputs


STEP = {"batch": 24, "micro_batch": 8, "precision": "float32"}
TRAINING = ("training", "retraining", "cross_validation", "weight_search_retrain")


@pytest.mark.parametrize("name", TRAINING)
def test_every_training_knows_how_the_profile_wants_a_step_done(name: str, tmp_path: Path):
    said = SMALL + "training: {batch: 24, micro_batch: 8, precision: float32}\n"
    path = compile_pipeline(name, tmp_path / "p.yaml", on_cluster(parse_profile(said, "small.yaml")))
    pipeline = next(iter(yaml.safe_load_all(path.read_text())))
    declared = pipeline["root"]["inputDefinitions"]["parameters"]
    assert {key: declared[key]["defaultValue"] for key in STEP} == STEP
    step = "train" if name.endswith("training") else "train-fold"
    for each in (step, f"{step}-2"):
        given = task(pipeline, each)["inputs"]["parameters"]
        assert {key: given[key]["componentInputParameter"] for key in STEP} == {
            key: f"pipelinechannel--{key}" for key in STEP
        }


@pytest.mark.parametrize("name", TRAINING)
def test_a_profile_that_says_nothing_of_a_step_leaves_it_as_it_is(name: str, tmp_path: Path):
    path = compile_pipeline(name, tmp_path / "p.yaml", on_cluster(parse_profile(SMALL, "small.yaml")))
    declared = next(iter(yaml.safe_load_all(path.read_text())))["root"]["inputDefinitions"]["parameters"]
    usual = {"batch": 0, "micro_batch": 0, "precision": "auto"}
    assert {key: declared[key]["defaultValue"] for key in STEP} == usual


def test_every_step_runs_in_the_image_of_the_profile_and_only_trainings_ask_for_cards(small):
    pipeline, executors = small
    for name, executor in pipeline["deploymentSpec"]["executors"].items():
        assert executor["container"]["image"] == "sluice:0.1.0"
        assert executors[name]["podMetadata"]["labels"]["team"] == "water"
        assert ("accelerator" in executor["container"].get("resources", {})) == (name == "exec-train")


def test_trainings_on_cards_run_one_at_a_time_where_the_profile_says_so(small):
    pipeline, _ = small
    assert task(pipeline, "for-loop-1")["iteratorPolicy"]["parallelismLimit"] == 1
    assert task(pipeline, "for-loop-2")["iteratorPolicy"]["parallelismLimit"] == 2


def test_no_platform_setting_refers_to_a_loop_item_because_the_cluster_could_not_resolve_it(small):
    pipeline, executors = small
    assert "loop-item" not in yaml.safe_dump(executors)
    resources = [
        executor["container"].get("resources") for executor in pipeline["deploymentSpec"]["executors"].values()
    ]
    assert "pipelinechannel" not in yaml.safe_dump(resources)


def test_the_presets_for_cards_name_the_variants_of_the_v100_and_queue_where_a_card_is_shared(tmp_path: Path):
    for name in ("dedicated", "shared"):
        pipeline, executors = documents(name, tmp_path)
        (term,) = executors["exec-train"]["nodeAffinity"]
        (expression,) = term["matchExpressions"]
        assert (expression["key"], expression["operator"]) == ("nvidia.com/gpu.product", "In")
        assert {"Tesla-V100-SXM2-32GB", "Tesla-V100-PCIE-16GB"} <= set(expression["values"])
        labels = executors["exec-train"]["podMetadata"]["labels"]
        assert ("kueue.x-k8s.io/queue-name" in labels) == (name == "shared")
        assert "nodeAffinity" not in executors["exec-train-2"]
        parameters = pipeline["root"]["inputDefinitions"]["parameters"]
        assert parameters["smoke"]["defaultValue"] is True
        assert parameters["store"]["defaultValue"] == "/mnt/models"


def test_only_steps_that_read_or_write_the_store_mount_it(tmp_path: Path):
    _, executors = documents("shared", tmp_path)
    mounted = {
        name.removeprefix("exec-")
        for name, asked in executors.items()
        if "/mnt/models" in [mount["mountPath"] for mount in asked["pvcMount"]]
    }
    assert mounted == {"validate", "deploy", "smoke-test"}


@pytest.mark.parametrize("profile", [*profile_names(), SMALL], ids=[*profile_names(), "small"])
def test_the_table_of_settings_knows_everything_that_the_compiled_pipeline_holds(profile: str, tmp_path: Path):
    pipeline, executors = documents(profile, tmp_path)
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    asked = {one.setting.name: one.steps for one in asked_of_platforms([pipeline, platform])}
    assert {"image", "retry", "timeout", "parallelism of a loop"} <= set(asked)
    assert asked.get("accelerator", ("train",)) == ("train",)


def test_a_setting_that_the_table_does_not_know_is_told(tmp_path: Path):
    pipeline, executors = documents("cpu", tmp_path)
    executors["exec-train"]["priorityClassName"] = "high"
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    with pytest.raises(InputError, match=r"unknown effect: kubernetes\.priorityClassName"):
        asked_of_platforms([pipeline, platform])


def test_the_table_knows_everything_that_kfp_kubernetes_can_ask_for():
    from kfp.kubernetes import kubernetes_executor_config_pb2

    fields = kubernetes_executor_config_pb2.KubernetesExecutorConfig.DESCRIPTOR.fields
    known = {key for setting in SETTINGS for key in setting.keys}
    assert {f"kubernetes.{field.json_name}" for field in fields} <= known


def test_as_kubernetes_resources_the_version_holds_pipeline_and_platform_settings(tmp_path: Path):
    path = tmp_path / "m.yaml"
    named = Manifest(version="night", namespace="water")
    compile_pipeline("training", path, on_cluster(load_profile("shared")), named)
    pipeline, version = yaml.safe_load_all(path.read_text())
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert {one["apiVersion"] for one in (pipeline, version)} == {"pipelines.kubeflow.org/v2beta1"}
    assert {one["metadata"]["namespace"] for one in (pipeline, version)} == {"water"}
    assert version["metadata"]["name"] == "night"
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == "sluice-training"
    executors = version["spec"]["platformSpec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors["exec-train"]["tolerations"]
    assert version["spec"]["pipelineSpec"]["pipelineInfo"]["name"] == "sluice-training"


def test_batch_prediction_asks_for_claims_and_no_card_and_knows_where_they_are(tmp_path: Path):
    path = compile_pipeline("batch_prediction", tmp_path / "b.yaml", on_cluster(load_profile("shared")))
    pipeline, platform = yaml.safe_load_all(path.read_text())
    (asked,) = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    assert {mount["constant"]: mount["mountPath"] for mount in asked["pvcMount"]} == {
        "sluice-work": "/mnt/work",
        "sluice-store": "/mnt/models",
    }
    assert "nodeAffinity" not in asked
    assert "accelerator" not in container(pipeline, "batch-predict")["resources"]
    parameters = pipeline["root"]["inputDefinitions"]["parameters"]
    assert {name: parameters[name]["defaultValue"] for name in ("store", "work")} == {
        "store": "/mnt/models",
        "work": "/mnt/work",
    }
    assert "defaultValue" not in parameters["out"]
    assert task(pipeline, "batch-predict")["retryPolicy"]["maxRetryCount"] == 1
    assert not task(pipeline, "batch-predict")["cachingOptions"]
