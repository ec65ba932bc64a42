"""Checksums of a version: SHA-256 of each file, and of all of them together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "checksums.json"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Checksums:
    """What a version holds.

    Attributes:
        files: SHA-256 by path within the version, `/` between folders.
        content: SHA-256 of all paths and checksums.
    """

    files: dict[str, str]
    content: str

    def to_json(self) -> bytes:
        """Text of `checksums.json`."""
        return (json.dumps({"content": self.content, "files": self.files}, indent=1) + "\n").encode()


def checksums_of(folder: Path) -> Checksums:
    """Reads every file of a version but `checksums.json`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE_NAME)
    files = {path.relative_to(folder).as_posix(): _sha256(path) for path in paths}
    listing = "".join(f"{checksum}  {name}\n" for name, checksum in files.items())
    return Checksums(files, hashlib.sha256(listing.encode()).hexdigest())


def read_checksums(folder: Path) -> Checksums:
    """The checksums that a version was published with.

    Raises:
        ValueError: the file can't be read as such.
    """
    try:
        facts = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        return Checksums(dict(facts["files"]), str(facts["content"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"no checksums: {error!r}") from error


def published_content(folder: Path) -> str:
    """SHA-256 of a version's content as it was published; empty where that can't be read."""
    try:
        return read_checksums(folder).content
    except (OSError, ValueError):
        return ""


def damage(folder: Path) -> str:
    """What of a version differs from its checksums, in a few words; empty if nothing does."""
    try:
        wanted = read_checksums(folder).files
    except (FileNotFoundError, ValueError):
        return f"unreadable: {FILE_NAME}"
    found = checksums_of(folder).files
    kinds = {
        "missing": sorted(wanted.keys() - found.keys()),
        "changed": sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name]),
        "added": sorted(found.keys() - wanted.keys()),
    }
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
