"""The end of a training that hangs: where a thread of TensorFlow got no memory, others may wait for it for ever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# A step takes seconds at most, and computes all the while; even waiting for a slow disk computes a little.
STALLED_SECONDS = 60.0
TICK_SECONDS = 1.0
# Threads that only wait for one another use none; the watch itself takes a tenth of this.
IDLE_SHARE = 0.005


@contextmanager
def aborted_when_stalled(tell: Callable[[str], None], seconds: float = STALLED_SECONDS) -> Iterator[None]:
    """Aborts this process once it has computed nothing for so long; the next try takes that for want of memory.

    Seconds are counted tick by tick, so that a process that was halted and goes on is not taken to hang; nor is one
    that others leave no processor to, or that waits for a disk.
    """
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(over, tell, seconds), name="stall watch", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()


def _watch(over: threading.Event, tell: Callable[[str], None], seconds: float) -> None:
    idle, before = 0.0, time.process_time()
    while not over.wait(TICK_SECONDS):
        now = time.process_time()
        computed = now - before > IDLE_SHARE * TICK_SECONDS or _would_go_on()
        idle, before = 0.0 if computed else idle + TICK_SECONDS, now
        if idle >= seconds:
            _abort(tell, idle)


def _would_go_on() -> bool:
    """Whether another thread is ready to compute or waits for a disk; where the kernel doesn't tell, none is."""
    own = threading.get_native_id()
    return any(_state(task) in ("R", "D") for task in Path("/proc/self/task").glob("*") if task.name != str(own))


def _state(task: Path) -> str:
    """The kernel's letter for what a thread does (proc(5), /proc/pid/stat); empty for one that has ended."""
    try:
        return (task / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _abort(tell: Callable[[str], None], idle: float) -> None:
    try:
        tell(f"nothing was computed for {idle:.0f} s, as when memory is short: ending this try")
    finally:
        os.abort()
