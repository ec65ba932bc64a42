"""The chart as a whole: lint, profiles against golden files, README, schema, and the security of every pod."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from components.image import IMAGE

sys.path.insert(0, str(Path(__file__).parent))
from golden_files import UPDATE, differences

PROFILES = ("dedicated", "shared", "cpu")


@pytest.fixture(scope="module")
def readme(chart_folder: Path) -> ModuleType:
    """The program that writes the chart's README."""
    spec = importlib.util.spec_from_file_location("chart_readme", chart_folder.parent / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["chart_readme"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("profile", ["", *PROFILES])
def test_helm_finds_nothing_to_complain_of(chart: Any, chart_folder: Path, profile: str) -> None:
    files = ["--values", str(chart_folder / f"values-{profile}.yaml")] if profile else []
    done = chart.run("lint", "--strict", "--kube-version", "1.34.0", *files, str(chart_folder))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_renders_as_its_golden_file(chart: Any, profile: str) -> None:
    hint = f"see `git diff` after {UPDATE}=1 pytest {Path(__file__).name}"
    assert differences(chart.text(profile), profile) == [], hint


def test_the_default_values_are_the_dedicated_profile(chart: Any) -> None:
    assert chart.render() == chart.render(profile="dedicated")


def test_the_readme_is_in_step_with_the_values(readme: ModuleType, chart_folder: Path) -> None:
    assert (chart_folder / "README.md").read_text(encoding="utf-8") == readme.readme(), "run python helm/readme.py"


def test_the_chart_holds_the_pipelines_presets(readme: ModuleType) -> None:
    for path, text in readme.written().items():
        assert path.read_text(encoding="utf-8") == text, "run python helm/readme.py"


def test_every_value_has_a_comment(readme: ModuleType, chart_folder: Path) -> None:
    source = (chart_folder / "values.yaml").read_text(encoding="utf-8")
    explained = {value.path for value in readme.values(source)}
    silent = [path for path in _leaves(yaml.safe_load(source)) if not _covered(path, explained)]
    assert not silent


def test_the_schema_knows_every_value_and_is_closed(chart_folder: Path) -> None:
    schema = json.loads((chart_folder / "values.schema.json").read_text(encoding="utf-8"))
    source = yaml.safe_load((chart_folder / "values.yaml").read_text(encoding="utf-8"))
    assert set(schema["properties"]) == {*source, "global"}
    open_places = [
        place
        for place, node in _nodes(schema, "")
        if "properties" in node and node.get("additionalProperties") is not False
    ]
    assert not open_places


def test_the_chart_and_the_steps_name_one_image(chart_folder: Path) -> None:
    about = yaml.safe_load((chart_folder / "Chart.yaml").read_text(encoding="utf-8"))
    source = yaml.safe_load((chart_folder / "values.yaml").read_text(encoding="utf-8"))
    assert f"{source['image']['repository']}:{about['appVersion']}" == IMAGE


@pytest.mark.parametrize("profile", PROFILES)
def test_every_pod_is_restricted_with_a_read_only_root(chart: Any, profile: str) -> None:
    pods = list(_pods(chart.render({"batch": {"enabled": False}}, profile=profile)))
    assert pods
    for place, pod, security in pods:
        assert security["runAsNonRoot"] is True, place
        assert security["runAsUser"] == 1000, place
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, place
        assert pod.get("automountServiceAccountToken") is False or place.startswith("ServingRuntime"), place
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, place
            assert own["capabilities"] == {"drop": ["ALL"]}, place
            assert own["readOnlyRootFilesystem"] is True, place
            assert {"requests", "limits"} <= set(container["resources"]), place
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounts["tmp"] == "/tmp", place
            volumes = {volume["name"] for volume in pod["volumes"]}
            assert set(mounts) <= volumes, place


@pytest.mark.parametrize("profile", PROFILES)
def test_notes_say_what_to_do_next(chart: Any, chart_folder: Path, tmp_path: Path, profile: str) -> None:
    notes = _notes(chart, chart_folder, tmp_path, profile)
    assert "kubectl -n forecasts get inferenceservice reservoir" in notes
    assert "helm test demo -n forecasts" in notes
    assert """configmap demo-sluice-profile -o 'go-template={{index .data "profile.yaml"}}' > profile.yaml""" in notes
    assert ("ends the old one before the new one starts" in notes) == (profile != "cpu")


def test_notes_warn_of_s3_and_of_a_claim_for_one_node(chart: Any, chart_folder: Path, tmp_path: Path) -> None:
    bucket = [
        "--set",
        "store.kind=s3",
        "--set",
        "store.s3.uri=s3://models/water",
        "--set",
        "networkPolicy.enabled=false",
    ]
    assert "rollout restart deployment reservoir-predictor" in _notes(chart, chart_folder, tmp_path, "shared", *bucket)
    one_node = ["--set", "store.pvc.accessModes={ReadWriteOnce}"]
    assert "tie all pods that use the store to one node" in _notes(chart, chart_folder, tmp_path, "shared", *one_node)


def _notes(chart: Any, folder: Path, scratch: Path, profile: str, *more: str) -> str:
    """The notes; only a cluster makes helm print them, so a copy of the chart renders them into an object."""
    shutil.copytree(folder, scratch / "sluice", dirs_exist_ok=True)
    template = (
        'kind: Notes\nmetadata: {name: notes}\ntext: |\n{{ include "sluice/templates/NOTES.txt" . | indent 2 }}\n'
    )
    (scratch / "sluice" / "templates" / "notes.yaml").write_text(template, encoding="utf-8")
    place = ["template", "demo", str(scratch / "sluice"), "--namespace", "forecasts", "--kube-version", "1.34.0"]
    files = ["--values", str(folder / f"values-{profile}.yaml"), "--show-only", "templates/notes.yaml"]
    done = chart.run(*place, *files, *more)
    assert done.returncode == 0, done.stderr
    return str(yaml.safe_load(done.stdout)["text"])


def _pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Place, pod and security context of each; a runtime's is that of its service."""
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "InferenceService" and "transformer" in spec:
            yield "transformer", spec["transformer"], spec["transformer"]["securityContext"]
        if each["kind"] == "ServingRuntime":
            service = next(one for one in objects if one["kind"] == "InferenceService")
            yield "ServingRuntime", spec, service["spec"]["predictor"]["securityContext"]
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], spec, spec["securityContext"]


def _leaves(node: Any, place: str = "") -> Iterator[str]:
    if isinstance(node, dict) and node:
        for key, below in node.items():
            yield from _leaves(below, f"{place}.{key}" if place else key)
    else:
        yield place


def _covered(path: str, explained: set[str]) -> bool:
    parts = path.split(".")
    return any(".".join(parts[:length]) in explained for length in range(1, len(parts) + 1))


def _nodes(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if node.get("type") == "object" or "additionalProperties" in node:
            yield place, node
        for key, below in node.items():
            yield from _nodes(below, f"{place}/{key}")
    elif isinstance(node, list):
        for number, below in enumerate(node):
            yield from _nodes(below, f"{place}/{number}")
