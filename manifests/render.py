"""Writes the kustomize trees and the compiled pipelines: `python manifests/render.py`, or `--check`.

The trees come from the chart, by helm; the pipelines from pipelines/ by the compiler. Each folder that is named after a
profile, and `pipelines`, hold nothing but what is written here.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE.parent / "helm" / "sluice"
PROFILES = ("dedicated", "shared", "cpu")
PIPELINES = ("training", "batch_prediction")
# Names as pipelines/platform/profiles/ have them.
RELEASE, NAMESPACE = "sluice", "forecasts"
KUBE_VERSION = "1.34.0"
COMMAND = "python manifests/render.py"
# Of Helm: nothing that kubectl applies is managed by it, and no chart's version replaces anything.
_HELM_LABELS = ("helm.sh/chart", "app.kubernetes.io/managed-by")
# In place of the model's name and its InferenceService's, to find where they stand.
_MODEL, _SERVICE = "model-of-overlay", "service-of-overlay"

Files = dict[Path, str]
Object = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Texts of many lines stay as they are, lists are indented, and nothing refers to anything."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def tree(helm: Path, profile: str) -> Files:
    """Files of a profile's tree, by their path below `manifests`."""
    objects = [_without_helm(each) for each in _rendered(helm, profile)]
    files = {f"{each['kind'].lower()}-{each['metadata']['name']}.yaml": each for each in objects}
    if len(files) < len(objects):
        raise ValueError(f"profile {profile}: two objects have the same kind and name")
    top = _kustomization("Kustomization", namespace=NAMESPACE, resources=sorted(files))
    model = _kustomization("Component", replacements=_model_replacements(helm, profile))
    folder = Path(profile)
    return {
        folder / "kustomization.yaml": _dump(top, "helm/sluice"),
        folder / "model" / "kustomization.yaml": _dump(model, "helm/sluice"),
        **{folder / name: _dump(each, "helm/sluice") for name, each in sorted(files.items())},
    }


def pipelines() -> Files:
    """Compiled pipelines, by their path below `manifests`: for the UI, and as resources."""
    from pipelines.compile import Manifest, compile_pipeline
    from pipelines.platform.platform import on_cluster
    from pipelines.platform.profile import load_profile

    files: Files = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "compiled.yaml"
        for profile in PROFILES:
            platform = on_cluster(load_profile(profile))
            folder = Path("pipelines") / profile
            for name in PIPELINES:
                compile_pipeline(name, path, platform)
                files[Path("pipelines") / f"{name}-{profile}.yaml"] = path.read_text(encoding="utf-8")
                compile_pipeline(name, path, platform, Manifest(variant=profile))
                files[folder / f"{name}.yaml"] = _head("pipelines") + path.read_text(encoding="utf-8")
            top = _kustomization("Kustomization", resources=[f"{name}.yaml" for name in PIPELINES])
            files[folder / "kustomization.yaml"] = _dump(top, "pipelines")
            image = _kustomization("Component", replacements=[_image_replacement(files, folder)])
            files[folder / "image" / "kustomization.yaml"] = _dump(image, "pipelines")
    return files


def main(arguments: Sequence[str]) -> int:
    """Writes the files; with --check 1 where one is out of step."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Write the kustomize trees and compiled pipelines.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where a file is out of step")
    parser.add_argument("--helm", type=Path, metavar="FILE", help="the program  [helm on PATH]")
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(HERE.parent))
    found = given.helm or shutil.which("helm")
    sources = {"pipelines": pipelines()}
    if found:
        sources["helm/sluice"] = {key: text for name in PROFILES for key, text in tree(Path(found), name).items()}
    else:
        print("helm isn't on PATH: the trees of the profiles are left out, the pipelines aren't", file=sys.stderr)
    if given.check:
        return _check(sources)
    for files in sources.values():
        _write(files)
    return 0 if found else 1


def _check(sources: Mapping[str, Files]) -> int:
    wrong = [
        (path, source)
        for source, files in sources.items()
        for path in (*files, *_stale(files))
        if path not in files or not (HERE / path).is_file() or (HERE / path).read_text(encoding="utf-8") != files[path]
    ]
    for path, source in wrong:
        print(f"manifests/{path} is out of step with {source}: run {COMMAND}", file=sys.stderr)
    return 1 if wrong else 0


def _write(files: Files) -> None:
    for path in _stale(files):
        (HERE / path).unlink()
    for path, text in files.items():
        (HERE / path).parent.mkdir(parents=True, exist_ok=True)
        (HERE / path).write_text(text, encoding="utf-8")


def _stale(files: Files) -> list[Path]:
    """Files that lie where these do and aren't among them."""
    folders = {path.parts[0] for path in files}
    there = (path.relative_to(HERE) for folder in folders for path in (HERE / folder).rglob("*") if path.is_file())
    return sorted(path for path in there if path not in files)


def _rendered(helm: Path, profile: str, *settings: str) -> list[Object]:
    """The objects of a release."""
    values = [f"--values={CHART / f'values-{profile}.yaml'}", f"--values={HERE / 'values.yaml'}"]
    place = [str(helm), "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version", KUBE_VERSION]
    sets = [f"--set={setting}" for setting in settings]
    done = subprocess.run([*place, *values, *sets], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"helm can't render profile {profile}: {done.stderr.strip()}")
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    hooks = [each for each in objects if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    return [each for each in objects if each not in hooks]


def _without_helm(thing: Object) -> Object:
    """An object without what is Helm's, and without its namespace, which is the kustomization's."""
    metadata = thing["metadata"]
    labels = {key: value for key, value in metadata.get("labels", {}).items() if key not in _HELM_LABELS}
    notes = {key: value for key, value in metadata.get("annotations", {}).items() if not key.startswith("helm.sh/")}
    kept = {"name": metadata["name"], "labels": labels} | ({"annotations": notes} if notes else {})
    return {**thing, "metadata": kept}


def _model_replacements(helm: Path, profile: str) -> list[Object]:
    """Where the model's name and its InferenceService's stand, as kustomize's replacements from a ConfigMap `model`."""
    plain = _rendered(helm, profile)
    other = _rendered(helm, profile, f"serving.model={_MODEL}", f"serving.name={_SERVICE}")
    targets: dict[str, list[Object]] = {"name": [], "service": []}
    for one, changed in zip(plain, other, strict=True):
        for path, value in _differences(one, changed):
            targets["name" if _MODEL in value else "service"].append(_target(one, path, value))
    for found in targets.values():
        # Its own name is last: replacements go by it.
        found.sort(key=lambda target: target["fieldPaths"] == ["metadata.name"])
    return [
        {"source": {"kind": "ConfigMap", "name": "model", "fieldPath": f"data.{key}"}, "targets": found}
        for key, found in targets.items()
    ]


def _target(thing: Object, path: Sequence[str | int], value: str) -> Object:
    """One field of an object; where the name is a part of the text, which part."""
    field = ".".join(f"[{part}]" if set("./") & set(str(part)) else str(part) for part in path)
    target: Object = {"select": {"kind": thing["kind"], "name": thing["metadata"]["name"]}, "fieldPaths": [field]}
    if value in (_MODEL, _SERVICE):
        return target
    parts = value.split("/")
    if _MODEL not in parts:
        raise ValueError(
            f"{thing['kind']} {thing['metadata']['name']}, {field}: no overlay can set the name in {value}"
        )
    return target | {"options": {"delimiter": "/", "index": parts.index(_MODEL)}}


def _differences(one: Any, other: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Paths of the texts that differ, with the other's text."""
    if isinstance(one, dict):
        for key in one:
            yield from _differences(one[key], other[key], (*path, key))
    elif isinstance(one, list):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differences(left, right, (*path, number))
    elif one != other:
        yield path, str(other)


def _image_replacement(files: Files, folder: Path) -> Object:
    """Where the steps' image stands, as a replacement from a ConfigMap `steps`."""
    targets = []
    for name in PIPELINES:
        version = list(yaml.safe_load_all(files[folder / f"{name}.yaml"]))[-1]
        executors = version["spec"]["pipelineSpec"]["deploymentSpec"]["executors"]
        fields = [f"spec.pipelineSpec.deploymentSpec.executors.{each}.container.image" for each in sorted(executors)]
        targets.append(
            {"select": {"kind": "PipelineVersion", "name": version["metadata"]["name"]}, "fieldPaths": fields}
        )
    return {"source": {"kind": "ConfigMap", "name": "steps", "fieldPath": "data.image"}, "targets": targets}


def _kustomization(kind: str, **fields: Any) -> Object:
    version = "v1alpha1" if kind == "Component" else "v1beta1"
    return {"apiVersion": f"kustomize.config.k8s.io/{version}", "kind": kind, **fields}


def _dump(thing: Object, source: str) -> str:
    return _head(source) + yaml.dump(thing, Dumper=_Dumper, sort_keys=False, width=120)


def _head(source: str) -> str:
    return f"# Made from {source} by {COMMAND}.\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
