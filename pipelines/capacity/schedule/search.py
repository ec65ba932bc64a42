"""The solver's search, in a process of its own where TensorFlow is loaded: the libraries of both crash in one process.

Seen with OR-Tools 9.15 and TensorFlow 2.21: a segmentation fault in `solve`.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass

from pipelines.capacity.schedule.answer import Answer
from pipelines.capacity.schedule.assignment import assign
from pipelines.capacity.schedule.fit import Fit
from pipelines.capacity.schedule.jobs import Problem
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.timeline import search_timeline

_CLASHES = "tensorflow"


@dataclass(frozen=True)
class Search:
    """What is searched.

    Attributes:
        problem: that is to be planned.
        fit: what can be placed where.
        known: a plan to begin with.
        seconds: after these, the best plan so far is taken.
        order_is_free: only which card takes which job matters, not in which order.
    """

    problem: Problem
    fit: Fit
    known: Schedule
    seconds: float
    order_is_free: bool


def searched(search: Search) -> Answer | None:
    """What the solver finds; None where it finds nothing in time.

    Raises:
        ImportError: OR-Tools isn't installed.
        RuntimeError: the solver's process failed.
    """
    if _CLASHES not in sys.modules:
        return _searched_here(search)
    command = [sys.executable, "-m", "pipelines.capacity.schedule.search"]
    done = subprocess.run(command, input=pickle.dumps(search), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the solver failed: {done.stderr.decode(errors='replace')[-1000:]}")
    answer: Answer | None = pickle.loads(done.stdout)
    return answer


def _searched_here(search: Search) -> Answer | None:
    from ortools.sat.python import cp_model

    if search.order_is_free:
        return assign(cp_model, search.fit, search.known, search.seconds)
    return search_timeline(cp_model, search.problem, search.fit, search.known, search.seconds)


if __name__ == "__main__":
    # Pickles know classes by their modules, and this one's is another here than where it was asked.
    from pipelines.capacity.schedule.search import searched as own_search

    sys.stdout.buffer.write(pickle.dumps(own_search(pickle.loads(sys.stdin.buffer.read()))))
