"""Pipelines by name, and their compilation to what Kubeflow Pipelines and Kubernetes take."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from components.errors import InputError
from pipelines.platform.platform import Platform

# Name on the command line: module and function.
PIPELINES = {
    "training": ("pipelines.training", "training_pipeline"),
    "retraining": ("pipelines.retraining", "retraining_pipeline"),
    "batch_prediction": ("pipelines.batch_prediction", "batch_prediction_pipeline"),
    "cross_validation": ("pipelines.cross_validation", "cross_validation_pipeline"),
    "weight_search": ("pipelines.weight_search", "weight_search_pipeline"),
    "weight_search_retrain": ("pipelines.weight_search", "retrained_search_pipeline"),
}
# Graphs that a platform changes: module and function of the platform.
_ON_PLATFORM = {
    "training": ("pipelines.training", "training_graph"),
    "retraining": ("pipelines.retraining", "retraining_graph"),
    "batch_prediction": ("pipelines.batch_prediction", "batch_prediction_graph"),
    "cross_validation": ("pipelines.cross_validation", "cross_validation_graph"),
    "weight_search": ("pipelines.weight_search", "weight_search_graph"),
    "weight_search_retrain": ("pipelines.weight_search", "retrained_search_graph"),
}
# In the comments above the YAML: a parameter whose default is a list or a dictionary.
_DEFAULT = re.compile(r"(?m)^(#    \w+: (?:list|dict) \[Default: )(.+)\]$")


@dataclass(frozen=True)
class Manifest:
    """Names of the resources Pipeline and PipelineVersion.

    Attributes:
        version: name of the PipelineVersion; empty: the pipeline's name, the version of Sluice and the variant.
        namespace: of both; empty: that of whoever applies them.
        variant: what tells versions of the same pipeline apart, such as the profile.
    """

    version: str = ""
    namespace: str = ""
    variant: str = ""


def pipeline_function(name: str, platform: Platform | None = None) -> Any:
    """The KFP pipeline of that name, for a platform if one is given.

    Raises:
        InputError: there is none.
    """
    if name not in PIPELINES:
        raise InputError(name, "there is no such pipeline", f"choose one of: {', '.join(PIPELINES)}")
    if platform is None:
        module, function = PIPELINES[name]
        return getattr(import_module(module), function)
    module, function = _ON_PLATFORM[name]
    return getattr(import_module(module), function)(platform)


def compile_pipeline(name: str, out: Path, platform: Platform | None = None, manifest: Manifest | None = None) -> Path:
    """Writes the pipeline's YAML to `out`; with `manifest`, as Kubernetes resources.

    Raises:
        InputError: no such pipeline, or `out` is no YAML file name.
    """
    if out.suffix not in (".yaml", ".yml"):
        raise InputError(str(out), "a compiled pipeline is a YAML file", "end the name with .yaml")
    from kfp import compiler

    pipeline = pipeline_function(name, platform)
    out.parent.mkdir(parents=True, exist_ok=True)
    if manifest is None:
        compiler.Compiler().compile(pipeline, str(out))
        out.write_text(_with_defaults_in_order(out.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        _compile_manifest(pipeline, out, manifest)
    return out


def compiled_documents(pipeline: Any) -> list[dict[str, Any]]:
    """The documents of a KFP pipeline's YAML: the pipeline, and what it asks of platforms, if anything."""
    from google.protobuf import json_format

    messages = [pipeline.pipeline_spec, pipeline.platform_spec]
    return [document for document in map(json_format.MessageToDict, messages) if document]


def _with_defaults_in_order(text: str) -> str:
    """Compiled YAML with the keys of defaults sorted in its comments, which protobuf shuffles from run to run."""
    return _DEFAULT.sub(lambda found: f"{found[1]}{_sorted(ast.literal_eval(found[2]))}]", text)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _compile_manifest(pipeline: Any, out: Path, manifest: Manifest) -> None:
    from kfp import compiler

    name = pipeline.pipeline_spec.pipeline_info.name
    options = compiler.KubernetesManifestOptions(
        pipeline_name=name,
        pipeline_version_name=manifest.version or "-".join(filter(None, (name, _version(), manifest.variant))),
        namespace=manifest.namespace or None,
        include_pipeline_manifest=True,
    )
    compiler.Compiler().compile(
        pipeline, str(out), kubernetes_manifest_options=options, kubernetes_manifest_format=True
    )
    documents = list(yaml.safe_load_all(out.read_text(encoding="utf-8")))
    out.write_text(yaml.safe_dump_all(documents, sort_keys=True), encoding="utf-8")


def _version() -> str:
    from importlib.metadata import version

    return version("sluice").replace(".", "-").replace("+", "-")
