"""The process that runs the pipeline, and how it is followed and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

_POLL_SECONDS = 0.2
# Time for a training to write its checkpoint after a signal.
_GRACE_SECONDS = 30.0


class Stop:
    """Set by Ctrl-C or SIGTERM; a second one kills."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        self.asked += 1


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """While open, Ctrl-C and SIGTERM are remembered, not acted upon."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Child:
    """`python -m pipelines.local_run` in its own process group, with all output in the log."""

    def __init__(self, request: Path, log: Path, lock: int) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.local_run", str(request)],
                # Nothing is ever written to this pipe: its end tells the child that this process is gone.
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1", **os.environ},
                start_new_session=True,
                pass_fds=(lock,),
            )
        self._stopped_at = 0.0

    def follow(self, look: Callable[[], bool], stop: Stop) -> int:
        """Calls `look` until the child has ended; stops it when `look` says so or a signal came. Its exit status."""
        while self._process.poll() is None:
            if look() or stop.asked:
                self._stop(kill=stop.asked > 1)
            time.sleep(_POLL_SECONDS)
        look()
        self._signal(signal.SIGKILL)
        return self._process.returncode

    def _stop(self, kill: bool) -> None:
        now = time.monotonic()
        if not self._stopped_at:
            self._stopped_at = now
            self._signal(signal.SIGTERM)
        elif kill or now - self._stopped_at > _GRACE_SECONDS:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # The group outlives its first process if a step does.
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def tail(log: Path, write: Callable[[str], Any]) -> Callable[[], None]:
    """A function that writes what was added to the log since its last call."""
    offset = 0

    def step() -> None:
        nonlocal offset
        if not log.exists():
            return
        with log.open("rb") as file:
            file.seek(offset)
            added = file.read()
        offset += len(added)
        if added:
            write(added.decode("utf-8", errors="replace"))

    return step
