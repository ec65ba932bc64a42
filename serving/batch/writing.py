"""One writer at a time, and files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.deploy.durable import sync_folder

_ASIDE = ".tmp"


@contextmanager
def only_writer(lock: Path) -> Iterator[None]:
    """Waits until no other process holds the lock; the system frees it when its holder dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def written_aside(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer of a file beside `path`, which takes its place when the body ends well.

    Only for the one who holds the lock: what an earlier writer has left aside is overwritten.
    """
    aside = path.with_name(f".{path.name}{_ASIDE}")
    try:
        with aside.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                yield writer
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Removes what killed writers have left aside; only for the one who holds the lock."""
    for path in folder.glob(f".*{_ASIDE}"):
        path.unlink(missing_ok=True)
