"""Digests that tell whether anything has changed: of the readings, of the steps' code, of a whole run.

kfp.local's cache goes by path and by parameters: the same path with new bytes would be a hit. So what a path
holds is told by a digest that is a parameter of the step that reads it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import components

_CODE = (".py", ".lark", ".j2", ".html", ".css", ".js", ".json", ".yaml")


def data_digest(data: str) -> str:
    """SHA-256 of the file or of all files in the folder; a database gets a fresh one, so it is always read again."""
    if "://" in data:
        return f"fresh-{uuid.uuid4().hex}"
    path = Path(data)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return _digest_of(files, path if path.is_dir() else path.parent)


def code_revision(package: ModuleType = components) -> str:
    """SHA-256 of the source files of a package: of all steps, or of what serves."""
    root = Path(package.__path__[0])
    files = sorted(file for file in root.rglob("*") if file.suffix in _CODE and "__pycache__" not in file.parts)
    return _digest_of(files, root)


def run_key(parts: dict[str, Any]) -> str:
    """SHA-256 of everything that a run's result follows from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest_of(files: list[Path], root: Path) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(root).as_posix()}\0{digest}\n".encode())
    return total.hexdigest()
