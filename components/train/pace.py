"""How far a stretch of training goes, by the clock or by steps, and where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Unit = Literal["seconds", "steps"]


@dataclass(frozen=True)
class Stretch:
    """A stretch of training, in the unit of its budget; learning rate and scores follow it, wherever it is resumed.

    By steps nothing depends on the clock: the same steps end with the same weights on a fast machine and on a slow one.

    Attributes:
        unit: what is counted.
        begin: where it begins, in all that has been spent on the network.
        end: where it ends.
        score_share: share of the stretch between two scores.
        closes_at: epoch seconds at which it ends whatever is left; 0 for never.
        clock: epoch seconds.
    """

    unit: Unit
    begin: float
    end: float
    score_share: float
    closes_at: float = 0.0
    clock: Callable[[], float] = time.time

    def spent(self, seconds: float, steps: int) -> float:
        """Of seconds and steps, what this stretch counts."""
        return seconds if self.unit == "seconds" else float(steps)

    def share(self, seconds: float, steps: int) -> float:
        """Share done, 0 to 1."""
        done = (self.spent(seconds, steps) - self.begin) / max(self.end - self.begin, 1e-9)
        return min(max(done, 0.0), 1.0)

    def over(self, seconds: float, steps: int) -> bool:
        """Whether it has ended."""
        return self.spent(seconds, steps) >= self.end or self.closed

    @property
    def closed(self) -> bool:
        """Whether its time of day has come."""
        return self.closes_at > 0 and self.clock() >= self.closes_at

    def next_score(self, seconds: float, steps: int, scoring_seconds: float) -> float:
        """When the next score is due, in the unit; by the clock, scoring never takes more than a fifth of the time."""
        interval = self.score_share * (self.end - self.begin)
        if self.unit == "seconds":
            return seconds + max(interval, 4 * scoring_seconds)
        every = max(1, round(interval))
        return self.begin + every * ((steps - self.begin) // every + 1)
