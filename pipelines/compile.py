"""Pipelines by name, and their compilation to the YAML that Kubeflow Pipelines takes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from components.errors import InputError

# Name on the command line: module and function.
PIPELINES = {"training": ("pipelines.training", "training_pipeline")}


def pipeline_function(name: str) -> Any:
    """The KFP pipeline of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PIPELINES:
        raise InputError(name, "there is no such pipeline", f"choose one of: {', '.join(PIPELINES)}")
    module, function = PIPELINES[name]
    return getattr(import_module(module), function)


def compile_pipeline(name: str, out: Path) -> Path:
    """Writes the pipeline's YAML to `out`.

    Raises:
        InputError: no such pipeline, or `out` is no YAML file name.
    """
    if out.suffix not in (".yaml", ".yml"):
        raise InputError(str(out), "a compiled pipeline is a YAML file", "end the name with .yaml")
    from kfp import compiler

    pipeline = pipeline_function(name)
    out.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(pipeline, str(out))
    return out
