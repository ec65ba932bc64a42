"""What a solver says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.capacity.schedule.plan import Piece


@dataclass(frozen=True)
class Answer:
    """What a solver found.

    Attributes:
        pieces: when each job runs on which card.
        proven: there is nothing better.
        bound_seconds: no plan that the solver looks at ends before; 0 where it doesn't know.
    """

    pieces: tuple[Piece, ...]
    proven: bool
    bound_seconds: int


def solver_of(cp_model: Any, seconds: float) -> Any:
    """A solver that stops after so many seconds."""
    solver = cp_model.CpSolver()
    # One worker with a fixed seed: the same case has the same plan each time.
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_time_in_seconds = max(seconds, 0.01)
    return solver
