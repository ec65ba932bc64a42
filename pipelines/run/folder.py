"""The folder of a run: where what lies, and who may write there."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.journal import FILE_NAME
from pipelines.atomic import write_atomically


@dataclass(frozen=True)
class RunFolder:
    """Paths in `--out`, all absolute."""

    root: Path

    @property
    def work(self) -> Path:
        """Journal and checkpoints; outside the pipeline root, so that a new run finds them."""
        return self.root / "work"

    @property
    def pipeline_root(self) -> Path:
        """Artifacts of the steps."""
        return self.root / "pipeline"

    @property
    def cache(self) -> Path:
        """kfp.local's cache entries."""
        return self.root / ".cache"

    @property
    def store(self) -> Path:
        """The model store."""
        return self.root / "store"

    @property
    def refused(self) -> Path:
        """Candidates that the gate refused."""
        return self.root / "refused"

    @property
    def log(self) -> Path:
        """Everything that the steps print."""
        return self.root / "logs" / "run.log"

    @property
    def record(self) -> Path:
        """What the last run was, and what came of it."""
        return self.root / "run.json"

    def record_of(self, key: str) -> Path:
        """The last run with this key."""
        return self.work / "runs" / f"{key[:16]}.json"

    def rotate(self) -> None:
        """Puts the journal and the log of the previous run aside."""
        for path in (self.work / FILE_NAME, self.log):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                path.replace(path.with_stem(f"{path.stem}.previous"))


def read_record(path: Path) -> dict[str, Any]:
    """A record of a run; empty where there is none or it can't be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Replaces the record."""
    write_atomically(path, json.dumps(record, indent=1))


@contextmanager
def locked(folder: RunFolder, patience_seconds: float = 20.0) -> Iterator[int]:
    """Holds the folder for one run; the descriptor may be passed on to a child, which then holds it too.

    Raises:
        InputError: another run works there. A run that was killed a moment ago is waited for: its steps are ending.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, folder, patience_seconds)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: RunFolder, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode() or "?"
            if _alive(owner) or time.monotonic() > deadline:
                raise InputError(
                    str(folder.root),
                    f"another run (process {owner}) is working in this folder",
                    "wait until it ends, or give another folder with --out",
                ) from None
            time.sleep(0.2)


def _alive(owner: str) -> bool:
    try:
        os.kill(int(owner), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
