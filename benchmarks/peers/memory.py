"""Resident memory of a process and everything it starts."""

from __future__ import annotations

from multiprocessing.process import BaseProcess

import psutil

# A peak that lasts less goes unseen; a quarter of a second costs the run nothing that can be measured.
INTERVAL_SECONDS = 0.25


def peak_memory_bytes(process: BaseProcess) -> int:
    """Waits until the process has ended; the largest sum of resident memory over its tree meanwhile.

    Pages shared between processes count in each of them, so the sum is an upper bound.
    """
    peak = 0
    while process.is_alive():
        peak = max(peak, _tree_bytes(process.pid))
        process.join(INTERVAL_SECONDS)
    return peak


def _tree_bytes(pid: int | None) -> int:
    try:
        root = psutil.Process(pid)
        return sum(_resident_bytes(one) for one in [root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
