"""Files that are either the old or the new one, never half-written."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.deploy.durable import replacing, write_file


def write_atomically(path: Path, text: str) -> None:
    """Replaces the file's content; whoever reads meanwhile, or after a kill, finds all of the old or all of the new."""
    write_file(path, text.encode())


def copy_atomically(source: Path, target: Path) -> None:
    """Copies a file so that the target is whole or not changed."""
    with source.open("rb") as read, replacing(target) as written:
        shutil.copyfileobj(read, written)
