"""The end of a training that hangs: where a thread of TensorFlow got no memory, others may wait for it for ever.

The watch is a process of its own, this very file: a thread of the training's could not move while a call that hangs
holds the interpreter's lock.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A step takes seconds at most, and computes all the while; even waiting for a slow disk computes a little.
STALLED_SECONDS = 60.0
TICK_SECONDS = 1.0
# Threads that only wait for one another use none.
IDLE_SHARE = 0.005
# A process that was asked to abort writes down where it was, and is gone.
ABORT_SECONDS = 10.0
# Ready to compute, waiting for a disk, halted by somebody (proc(5), /proc/pid/stat).
GOES_ON = "RDTt"


@contextmanager
def aborted_when_stalled(tell: Callable[[str], None], seconds: float = STALLED_SECONDS) -> Iterator[None]:
    """Aborts this process once it has computed nothing for so long; the next try takes that for want of memory.

    Seconds are counted tick by tick, so that a process that was halted and goes on is not taken to hang; nor is one
    that others leave no processor to, or that waits for a disk.
    """
    command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(seconds)]
    try:
        watch = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        tell(f"should this training hang, nobody will end it: {error}")
        yield
        return
    # Leaving closes the watch's input, at which it ends.
    with watch:
        yield


def watch_process(process: int, seconds: float) -> None:
    """Aborts a process, the parent of this one, once it hangs; ends when the input does, or with the process.

    Raises:
        OSError: what a process has computed can't be asked here, as anywhere but on Linux.
    """
    idle, before = 0.0, _computed(process)
    while not _over(process, TICK_SECONDS):
        now = _computed(process)
        computed = now - before > IDLE_SHARE * TICK_SECONDS or _would_go_on(process)
        idle, before = 0.0 if computed else idle + TICK_SECONDS, now
        if idle >= seconds:
            _abort(process, idle)


def _computed(process: int) -> float:
    """Seconds that a process has computed, all threads; by Linux' number for its clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~process << 3) | 2)


def _would_go_on(process: int) -> bool:
    """Whether a thread is ready to compute, waits for a disk or was halted; where the kernel doesn't tell, none is."""
    return any(_state(task) in GOES_ON for task in Path(f"/proc/{process}/task").glob("*"))


def _state(task: Path) -> str:
    """The kernel's letter for what a thread does; a space for one that has ended."""
    try:
        return (task / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return " "


def _abort(process: int, idle: float) -> None:
    print(f"nothing was computed for {idle:.0f} s, as when memory is short: ending this try", file=sys.stderr)
    os.kill(process, signal.SIGABRT)
    if not _over(process, ABORT_SECONDS):
        os.kill(process, signal.SIGKILL)


def _over(process: int, seconds: float) -> bool:
    """Waits; whether the process is gone by then, or has closed the input."""
    closed = bool(select.select([sys.stdin], [], [], seconds)[0])
    return closed or os.getppid() != process


if __name__ == "__main__":
    with suppress(OSError):
        watch_process(int(sys.argv[1]), float(sys.argv[2]))
