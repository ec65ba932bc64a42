"""The trees as they lie there: whole, without Helm's marks, and tied to no namespace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main
import yaml

from components.image import IMAGE
from pipelines.cli.main import app

sys.path.insert(0, str(Path(__file__).parents[1] / "helm"))
from custom_kinds import problems

MANIFESTS = Path(__file__).parents[2] / "manifests"
PROFILES = ("dedicated", "shared", "cpu")
NAMESPACE = "forecasts"


def objects(folder: str) -> list[dict[str, Any]]:
    """The objects of a tree, as its kustomization lists them."""
    listed = read(folder)["resources"]
    return [each for name in listed for each in yaml.safe_load_all((MANIFESTS / folder / name).read_text("utf-8"))]


def read(folder: str) -> dict[str, Any]:
    return dict(yaml.safe_load((MANIFESTS / folder / "kustomization.yaml").read_text("utf-8")))


def of_kind(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in found if each["kind"] == kind]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_file_is_listed_and_named_after_its_object(profile: str) -> None:
    there = {path.name for path in (MANIFESTS / profile).glob("*.yaml")} - {"kustomization.yaml"}
    assert there == set(read(profile)["resources"])
    assert there == {f"{each['kind'].lower()}-{each['metadata']['name']}.yaml" for each in objects(profile)}


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_is_helm_s(profile: str) -> None:
    for each in objects(profile):
        metadata = each["metadata"]
        marks = {**metadata["labels"], **metadata.get("annotations", {})}
        assert not [key for key in marks if "helm" in key or key.endswith("managed-by")]
    assert not of_kind(objects(profile), "Pod")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_namespace_is_said_in_one_place(profile: str) -> None:
    assert read(profile)["namespace"] == NAMESPACE
    text = "".join(
        path.read_text("utf-8") for path in (MANIFESTS / profile).glob("*.yaml") if path.name != "kustomization.yaml"
    )
    assert NAMESPACE not in text


@pytest.mark.parametrize("profile", PROFILES)
def test_pods_and_quotas_name_classes_that_the_tree_has(profile: str) -> None:
    found = objects(profile)
    classes = {each["metadata"]["name"] for each in of_kind(found, "PriorityClass")}
    assert classes == {"sluice-serving", "sluice-training", "sluice-extras"}
    (service,) = of_kind(found, "InferenceService")
    named = [part["priorityClassName"] for key, part in service["spec"].items() if key in ("predictor", "transformer")]
    scopes = [each["spec"].get("scopeSelector", {}) for each in of_kind(found, "ResourceQuota")]
    named += [value for scope in scopes for each in scope.get("matchExpressions", []) for value in each["values"]]
    assert set(named) == {"sluice-serving"}


@pytest.mark.parametrize("profile", PROFILES)
def test_compiled_pipelines_fit_the_schemas_of_their_resources(profile: str) -> None:
    found = objects(f"pipelines/{profile}")
    assert [each["kind"] for each in found] == ["Pipeline", "PipelineVersion"] * 2
    assert not [problem for each in found for problem in problems(each)]
    pipelines = {each["metadata"]["name"] for each in of_kind(found, "Pipeline")}
    for version in of_kind(found, "PipelineVersion"):
        assert version["spec"]["pipelineName"] in pipelines
        assert version["metadata"]["name"].endswith(f"-{profile}")
        executors = version["spec"]["pipelineSpec"]["deploymentSpec"]["executors"].values()
        assert {each["container"]["image"] for each in executors} == {IMAGE}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("pipeline", ["training", "batch_prediction"])
def test_what_the_ui_takes_is_what_the_resources_hold(pipeline: str, profile: str) -> None:
    text = (MANIFESTS / "pipelines" / f"{pipeline}-{profile}.yaml").read_text("utf-8")
    spec, platform = yaml.safe_load_all(text)
    resource = (MANIFESTS / "pipelines" / profile / f"{pipeline}.yaml").read_text("utf-8")
    _, version = yaml.safe_load_all(resource)
    assert version["spec"]["pipelineSpec"] == spec
    assert version["spec"]["platformSpec"] == platform


def test_the_champion_s_job_says_what_the_program_takes() -> None:
    (job,) = yaml.safe_load_all((MANIFESTS / "champion" / "job.yaml").read_text("utf-8"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert (container["command"], container["image"]) == (["sluice"], IMAGE)
    group, command, *arguments = container["args"]
    models = typer.main.get_command(app)
    assert isinstance(models, typer.core.TyperGroup)
    inner = models.commands[group]
    assert isinstance(inner, typer.core.TyperGroup)
    parameters = inner.commands[command].make_context(command, list(arguments)).params
    assert (parameters["model"], parameters["version"], str(parameters["store"])) == ("reservoir", 1, "/mnt/models")
    claims = {each["metadata"]["name"] for each in of_kind(objects("cpu"), "PersistentVolumeClaim")}
    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert {each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each} < claims


def test_the_readme_shows_the_example_as_it_is() -> None:
    shown = (MANIFESTS / "README.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    assert shown == (MANIFESTS / "example" / "kustomization.yaml").read_text("utf-8")
