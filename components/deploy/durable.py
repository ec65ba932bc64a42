"""Writing that a crash can't leave half done: aside, synced to disk, renamed."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PREFIX = ".incoming-"
OUTGOING = ".outgoing-"
_LOCK = ".lock"
# Leftovers of other machines, whose processes can't be asked after, are kept this long.
_FOREIGN_SECONDS = 86_400.0


def incoming_folder(parent: Path) -> Path:
    """A new folder beside the final ones, named for this process."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{_writer()}-", dir=parent))


def outgoing_path(final: Path) -> Path:
    """A free name beside a folder to which it is renamed before it is deleted, named for this process."""
    return final.with_name(f"{OUTGOING}{_writer()}-{final.name}-{secrets.token_hex(4)}")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other writers of a folder waiting; made if it isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as file:
        # Some network file systems have no locks; a rename still never replaces a folder.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` when the body ends well: readers see the old one or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{PREFIX}{_writer()}-", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(0o644)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Replaces a file's content at once."""
    with replacing(path) as file:
        file.write(data)


def sync_tree(folder: Path) -> None:
    """Syncs every file and folder of a tree to disk, and lets everyone read them."""
    for path in sorted(folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        sync_folder(path)
    folder.chmod(0o755)
    sync_folder(folder)


def sync_folder(path: Path) -> None:
    """Syncs a folder's entries (or a file's content) to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(parent: Path) -> None:
    """Removes what writers that no longer live have left."""
    for prefix in (PREFIX, OUTGOING):
        for path in parent.glob(f"{prefix}*"):
            if _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _is_abandoned(path: Path) -> bool:
    writer, _, rest = path.name.removeprefix(PREFIX).removeprefix(OUTGOING).partition("-")
    if writer.isdigit() and rest.startswith(f"{_host()}-"):
        return not _lives(int(writer))
    try:
        return time.time() - path.stat().st_mtime > _FOREIGN_SECONDS
    except FileNotFoundError:
        return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _writer() -> str:
    return f"{os.getpid()}-{_host()}"


def _host() -> str:
    return socket.gethostname().replace("/", "_")
