"""The journal of a run: what each step says of itself while it works.

A step can't talk to the person who started the run: its output passes through the runner's log, and its
exit code is lost there. So it appends lines of JSON to one file, which `sluice run` follows and reads at the end.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import InputError

FILE_NAME = "journal.jsonl"


@dataclass(frozen=True)
class Journal:
    """Appends events of one step to `<work>/journal.jsonl`; with an empty `work` it says nothing.

    Attributes:
        work: the run's working folder, outside the pipeline root.
        step: the step's name, with the member where there is one (`train stacked_lstm`).
        clock: seconds since the epoch.
    """

    work: str
    step: str
    clock: Callable[[], float] = time.time

    def started(self) -> None:
        """The step has begun."""
        self._append("started", {})

    def progress(self, done: float, total: float, text: str = "") -> None:
        """The step has done `done` of `total`; `text` is a short figure to show beside the bar."""
        self._append("progress", {"done": done, "total": total, "text": text})

    def note(self, text: str) -> None:
        """One line worth reading now."""
        self._append("note", {"text": text})

    def finished(self, **figures: Any) -> None:
        """The step has ended well; `figures` are its results in a few numbers, beside the most memory it has held."""
        self._append("finished", {"figures": figures, "peak_memory_bytes": peak_memory_bytes()})

    def failed(self, error: BaseException) -> None:
        """The step has failed; an InputError keeps its parts, so that the command can exit with 2."""
        parts = (
            {"where": error.where, "problem": error.problem, "fix": error.fix}
            if isinstance(error, InputError)
            else {"problem": f"{type(error).__name__}: {error}"}
        )
        self._append("failed", {"input_error": isinstance(error, InputError), **parts})

    @contextmanager
    def step_events(self) -> Iterator[Journal]:
        """Writes started, then failed if the body raises; the body itself says finished with its figures."""
        self.started()
        try:
            yield self
        except BaseException as error:
            self.failed(error)
            raise

    def _append(self, kind: str, fields: dict[str, Any]) -> None:
        if not self.work:
            return
        event = {"at": self.clock(), "step": self.step, "event": kind, **fields}
        line = json.dumps(event, default=str) + "\n"
        Path(self.work).mkdir(parents=True, exist_ok=True)
        # One write of one line to a file opened for appending is never torn between processes.
        descriptor = os.open(Path(self.work) / FILE_NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def peak_memory_bytes() -> int:
    """Most memory that this process has held so far."""
    # A process that another one has started inherits that one's `ru_maxrss` on Linux; VmHWM is its own.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kilobytes.
    return peak if sys.platform == "darwin" else peak * 1024


def read_events(work: str, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole events written since byte `offset`, and the offset to go on from."""
    path = Path(work) / FILE_NAME
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)
