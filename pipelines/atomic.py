"""Files that are either the old or the new one, never half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from components.deploy.durable import write_file


def write_atomically(path: Path, text: str) -> None:
    """Replaces the file's content; whoever reads meanwhile, or after a kill, finds all of the old or all of the new."""
    write_file(path, text.encode())


def copy_atomically(source: Path, target: Path) -> None:
    """Copies a file so that the target is whole or not changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(descriptor)
    try:
        shutil.copyfile(source, name)
        Path(name).chmod(0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
