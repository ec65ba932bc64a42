"""A training that died of memory is started again: its note halves the micro-batch, its checkpoint keeps the work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from components.train.under_way import trainings_cut_off

# Killed, aborted, or fallen over memory that it did not get; as a process, and as a shell or a container tells of one.
_DEATHS = (-9, 137, -6, 134, -11, 139, -7, 135)
# Halving a batch of 64 down to 1 takes six; where the kernel tells nothing, each takes three unseen ends.
_MOST_TRIES = 20


def run_again_after_death(run: Callable[[], int], work: str, stopping: threading.Event) -> int:
    """Runs a step, again and again while it is a training that was cut off under way; its exit code.

    A training that has come down to a single window at once fails with words, so this ends.

    Args:
        run: runs the step; its exit code.
        work: the run's work folder, empty for none.
        stopping: set when no step may begin any more.
    """
    code = run()
    for _ in range(_MOST_TRIES):
        if code not in _DEATHS or stopping.is_set() or not work or not trainings_cut_off(Path(work)):
            break
        code = run()
    return code
