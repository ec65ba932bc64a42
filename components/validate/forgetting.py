"""Did a retrained model forget? It against its champion, on readings that the champion knew and on newer ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from components.validate.bootstrap import Difference
from components.validate.champion import Match, Opponent, compare_with_champion
from components.validate.gate import Unmeasured


@dataclass(frozen=True)
class Retrained:
    """The candidate's RMSE less the champion's, on each side of the champion's last reading.

    Attributes:
        old: on test windows up to it.
        new: on test windows after it.
    """

    old: Difference | Unmeasured
    new: Difference | Unmeasured


def compare_old_and_new(
    match: Match, opponent: Opponent, old_until: str, seed: int, tell: Callable[[int, int], None]
) -> Retrained:
    """Compares on old and on new test windows apart: what is won on the one must not hide what is lost on the other.

    Args:
        match: the candidate's side.
        opponent: the champion's side.
        old_until: stamp of the last reading that the champion knew, UTC.
        seed: of the interval's resampling.
        tell: is told how many windows of how many are done.
    """
    old = np.asarray(match.series.stamps)[match.origins] <= np.datetime64(old_until)

    def compared(chosen: NDArray[np.bool_], which: str) -> Difference | Unmeasured:
        if not chosen.any():
            return Unmeasured(f"the test part holds no {which} readings")
        own = replace(match, origins=match.origins[chosen])
        return compare_with_champion(own, opponent, np.random.default_rng(seed), tell)

    return Retrained(compared(old, "old"), compared(~old, "new"))
