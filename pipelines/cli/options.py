"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Store = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="The model store, as in RUN/store.")]
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset file (.yaml) or a preset.")]
Context = Annotated[str, typer.Option("--context", metavar="NAME", help="Of the kubeconfig.  [the current one]")]
Namespace = Annotated[
    str, typer.Option("-n", "--namespace", metavar="NAME", help="Namespace to look at.  [the context's]")
]
