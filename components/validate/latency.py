"""How long one window takes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Ask = Callable[[Mapping[str, NDArray[np.float32]]], object]


def median_latency_ms(
    ask: Ask, window: Mapping[str, NDArray[np.float32]], clock: Callable[[], float], calls: int = 25
) -> float:
    """Median time of one call in milliseconds, after three calls that are not counted (tracing, caches).

    Args:
        ask: the model.
        window: its inputs, a batch of one.
        clock: seconds, monotonic.
        calls: calls that are timed.
    """
    for _ in range(3):
        ask(window)
    return statistics.median(_seconds(ask, window, clock) for _ in range(calls)) * 1000.0


def _seconds(ask: Ask, window: Mapping[str, NDArray[np.float32]], clock: Callable[[], float]) -> float:
    started = clock()
    ask(window)
    return clock() - started
