"""`sluice keys`: who may ask a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

app = typer.Typer(help="Make API keys for a server.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def keys() -> None:
    """Make API keys for a server."""


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")],
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="Keys of the server: names and hashes.")],
    debug: options.Debug = False,
) -> None:
    """Add a key to a server's file, and print it: it is stored nowhere.

    A running server follows its file. To revoke a key, delete its line.

    Example: sluice keys new dispatch --file keys.txt
    """
    with guarded(debug):
        from serving.server.security import new_key

        typer.echo(new_key(name, file))
