"""Options of commands that ask a server: what they show it, and how they know it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from components.errors import InputError

KEY_VARIABLE = "SLUICE_API_KEY"
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", metavar="FILE", help=f"Holds the server's API key.  [{KEY_VARIABLE}]")
]
Authority = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="Authority (PEM) of the server's certificate.")
]


def find_key(file: Path | None) -> str:
    """The key of a file, or of the environment; empty where there is neither.

    Raises:
        InputError: the file can't be read, or holds no key.
    """
    if file is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(file), f"can't be read: {error}", "give a file that holds the key alone") from error
    if not key.isascii() or len(key.split()) != 1:
        raise InputError(str(file), "holds no key", "give a file that holds the key alone")
    return key
