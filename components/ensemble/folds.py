"""Splits validation origins into interleaved blocks of time, so that each kind of weather is on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOLDS = 3
MOST_BLOCKS = 21


@dataclass(frozen=True)
class Fold:
    """Positions among the validation origins: those to fit on, and those held back."""

    fit: NDArray[np.int64]
    held: NDArray[np.int64]


def interleaved_folds(times: NDArray[np.int64], window: int, longest: int) -> tuple[Fold, ...]:
    """Folds of contiguous blocks, dealt out in turn.

    ::

        time ->   |  0  |  1  |  2  |  0  |  1  |  2  | ...
        fold 1:    fit-- #held# --fit----- #held# --fit      (- is purged)

    Each origin is held back in exactly one fold. Around a held block, origins nearer than `window + longest`
    steps are purged from the fit, as their windows share rows with it; where the part is too short for that,
    nearer than `longest`, so that at least no target is on both sides; in a tiny part nothing is purged.

    Args:
        times: [n] time of each origin in steps; equal times (of several series) stay in one block.
        window: rows of a window.
        longest: longest horizon in steps.
    """
    moments = np.unique(times)
    gap = window + longest
    blocks = int(np.clip(len(moments) // (4 * gap), 2 * FOLDS, MOST_BLOCKS))
    pieces = np.array_split(moments, blocks)
    purge = _purge(len(moments) / blocks, window, longest)
    starts = np.array([piece[0] for piece in pieces if len(piece)])
    block = np.searchsorted(starts, times, side="right") - 1
    return tuple(_fold(times, block, fold, purge) for fold in range(min(FOLDS, len(starts))))


def _purge(block_length: float, window: int, longest: int) -> int:
    """Steps to purge at each border: the most that leaves half of every block to fit on."""
    feasible = (gap for gap in (window + longest, longest) if block_length >= 2 * gap)
    return next(feasible, 0)


def _fold(times: NDArray[np.int64], block: NDArray[np.int64], fold: int, purge: int) -> Fold:
    held = block % FOLDS == fold
    near = np.zeros(len(times), dtype=bool)
    for number in np.unique(block[held]):
        inside = times[block == number]
        near |= (times > inside.min() - purge) & (times < inside.max() + purge)
    return Fold(fit=np.flatnonzero(~held & ~near), held=np.flatnonzero(held))
