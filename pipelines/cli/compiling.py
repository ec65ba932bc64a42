"""`sluice compile`: the pipeline as YAML, or what it asks of a cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

if TYPE_CHECKING:
    from pipelines.platform.parity import Asked
    from pipelines.platform.platform import Platform

_PLACES = ("cluster", "docker", "subprocess")


def compile_command(
    pipeline: Annotated[str, typer.Argument(metavar="[PIPELINE]", help="Name of the pipeline.")] = "training",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML file to write.  [PIPELINE.yaml]")] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="PROFILE", help="What the steps ask of the cluster: dedicated, shared, cpu or a file."),
    ] = None,
    members: Annotated[
        str | None, typer.Option(metavar="A,B", help="Members to train, with --profile.  [all but patchtst]")
    ] = None,
    manifest: Annotated[
        bool, typer.Option("--kubernetes-manifest", help="Write the resources Pipeline and PipelineVersion.")
    ] = False,
    version: Annotated[str, typer.Option(metavar="NAME", help="Name of the PipelineVersion.")] = "",
    namespace: Annotated[str, typer.Option(metavar="NAME", help="Namespace of the resources.")] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Write nothing; list each setting and where it is honoured.")
    ] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Write a pipeline as the YAML that Kubeflow Pipelines takes.

    Example: sluice compile training --profile shared --out training.yaml
    """
    with guarded(debug):
        from pipelines.compile import Manifest, compile_pipeline, compiled_documents, pipeline_function

        platform = _platform(profile, members)
        if explain:
            from pipelines.platform.parity import asked_of_platforms

            _explain(asked_of_platforms(compiled_documents(pipeline_function(pipeline, platform))), as_json)
            return
        named = Manifest(version, namespace) if manifest else None
        typer.echo(compile_pipeline(pipeline, out or Path(f"{pipeline}.yaml"), platform, named))


def _platform(profile: str | None, members: str | None) -> Platform | None:
    if profile is None:
        return None
    from components.train.registry import DEFAULT_MEMBERS
    from pipelines.platform.platform import on_cluster
    from pipelines.platform.profile import load_profile

    names = [name.strip() for name in members.split(",") if name.strip()] if members else DEFAULT_MEMBERS
    return on_cluster(load_profile(profile), names)


def _explain(asked: Sequence[Asked], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"settings": [one.as_dict() for one in asked]}) + "\n")
        return
    from rich.table import Table

    from pipelines.cli.console import open_console

    table = Table("setting", *_PLACES, "steps", "remark", box=None, pad_edge=False)
    # Every step has an image.
    everywhere = asked[0].steps
    for one in asked:
        setting = one.setting
        steps = "all" if one.steps == everywhere else ", ".join(one.steps)
        table.add_row(setting.name, setting.cluster, setting.docker, setting.subprocess, steps, setting.remark)
    open_console().print(table)
