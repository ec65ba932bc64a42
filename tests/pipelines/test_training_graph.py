from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import InputError
from components.image import IMAGE
from pipelines.compile import PIPELINES, compile_pipeline

STEPS = ("ingest", "preprocess", "train", "ensemble", "serving-check", "validate", "deploy", "smoke-test")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = compile_pipeline("training", tmp_path_factory.mktemp("compiled") / "training.yaml")
    return next(iter(yaml.safe_load_all(path.read_text())))


def tasks(spec: dict[str, Any]) -> dict[str, Any]:
    found = dict(spec["root"]["dag"]["tasks"])
    for component in spec["components"].values():
        found |= component.get("dag", {}).get("tasks", {})
    return found


def test_every_pipeline_compiles(tmp_path: Path):
    for name in PIPELINES:
        path = compile_pipeline(name, tmp_path / f"{name}.yaml")
        assert path.read_text().startswith("# PIPELINE DEFINITION")


def test_every_step_is_there_in_one_image_without_pip(compiled: dict[str, Any]):
    executors = compiled["deploymentSpec"]["executors"]
    assert set(executors) == {f"exec-{step}" for step in STEPS}
    for executor in executors.values():
        assert executor["container"]["image"] == IMAGE
        assert "pip install" not in " ".join(executor["container"]["command"])


def test_every_step_knows_the_revision_of_the_code_and_ingest_the_digest_of_the_readings(compiled: dict[str, Any]):
    for step in STEPS:
        assert "revision" in compiled["components"][f"comp-{step}"]["inputDefinitions"]["parameters"]
    assert "data_digest" in tasks(compiled)["ingest"]["inputs"]["parameters"]


def test_conditions_compare_booleans_alone_because_a_quote_would_make_every_branch_false(compiled: dict[str, Any]):
    conditions = [task["triggerPolicy"]["condition"] for task in tasks(compiled).values() if "triggerPolicy" in task]
    assert sorted(conditions) == [
        "inputs.parameter_values['pipelinechannel--smoke'] == true",
        "inputs.parameter_values['pipelinechannel--validate-Output'] == true",
    ]
    assert compiled["root"]["inputDefinitions"]["parameters"]["smoke"]["parameterType"] == "BOOLEAN"
    output = compiled["components"]["comp-validate"]["outputDefinitions"]["parameters"]["Output"]
    assert output["parameterType"] == "BOOLEAN"


def test_deploy_and_smoke_test_are_never_taken_from_a_cache(compiled: dict[str, Any]):
    caching = {name: task.get("cachingOptions", {}).get("enableCache", False) for name, task in tasks(compiled).items()}
    assert caching["deploy"] is caching["smoke-test"] is False
    assert all(caching[step] for step in STEPS[:-2])


def test_no_task_output_enters_the_loop_as_a_parameter_because_kfp_local_would_put_the_item_in_its_place(
    compiled: dict[str, Any],
):
    loop = next(task for task in tasks(compiled).values() if "parameterIterator" in task)
    assert not [key for key, value in loop["inputs"]["parameters"].items() if "taskOutputParameter" in value]


def test_nothing_is_asked_for_that_the_local_runner_ignores(tmp_path: Path, compiled: dict[str, Any]):
    path = tmp_path / "again.yaml"
    compile_pipeline("training", path)
    # A second document would hold what kfp-kubernetes sets; the local runner never sees it.
    assert len(list(yaml.safe_load_all(path.read_text()))) == 1
    for executor in compiled["deploymentSpec"]["executors"].values():
        assert set(executor["container"]) <= {"args", "command", "image"}
    assert not [name for name, task in tasks(compiled).items() if "retryPolicy" in task]


def test_an_unknown_pipeline_is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="choose one of: training"):
        compile_pipeline("trainning", tmp_path / "x.yaml")
