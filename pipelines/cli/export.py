"""`sluice export`: a version of the store as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

Format = Literal["onnx", "saved_model", "keras"]


def export(
    out: Annotated[Path, typer.Option(metavar="PATH", help="The file to write; for saved_model a new folder.")],
    form: Annotated[Format, typer.Option("--format", help="onnx needs the extra sluice\\[onnx].")] = "onnx",
    store: options.Store = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Model.  [the only one]")] = None,
    version: Annotated[int | None, typer.Option(metavar="N", help="Version.  [the champion]")] = None,
    debug: options.Debug = False,
) -> None:
    """Write a version of a model for other programs.

    Example: sluice export --format onnx --out reservoir.onnx
    """
    with guarded(debug):
        from pipelines.cli.console import open_console, quiet_libraries
        from pipelines.cli.source import find_store
        from serving.export import ExportRequest, export_version

        request = ExportRequest(find_store(store), form, out, model, version)
        with quiet_libraries(debug):
            written = export_version(request)
        open_console().print(written.text, soft_wrap=True, markup=False, highlight=False)
