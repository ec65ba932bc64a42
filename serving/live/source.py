"""Where `sluice serve --readings` takes readings from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.errors import InputError


@dataclass(frozen=True)
class Source:
    """Where a model's readings come from.

    Attributes:
        path: file or folder.
        model: its name; empty for every model whose columns are there.
    """

    path: Path
    model: str = ""


def parse_source(text: str | None) -> Source | None:
    """`PATH` or `MODEL=PATH`; None where none is given.

    Raises:
        InputError: it names no path, or a database.
    """
    if text is None:
        return None
    model, sign, path = text.partition("=")
    found = Source(Path(path), model) if sign and "/" not in model and not Path(text).exists() else Source(Path(text))
    if str(found.path) in ("", "."):
        raise InputError("--readings", "names no file", "give --readings FILE, or --readings MODEL=FILE")
    if "://" in text:
        raise InputError("--readings", "a database can't be followed", "give a file or a folder that grows")
    return found
