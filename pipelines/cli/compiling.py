"""`sluice compile`: the pipeline as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded


def compile_command(
    pipeline: Annotated[str, typer.Argument(metavar="[PIPELINE]", help="Name of the pipeline.")] = "training",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML file to write.  [PIPELINE.yaml]")] = None,
    debug: options.Debug = False,
) -> None:
    """Write a pipeline as the YAML that Kubeflow Pipelines takes.

    Example: sluice compile training --out training.yaml
    """
    with guarded(debug):
        from pipelines.compile import compile_pipeline

        typer.echo(compile_pipeline(pipeline, out or Path(f"{pipeline}.yaml")))
