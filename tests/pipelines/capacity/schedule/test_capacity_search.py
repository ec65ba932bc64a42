"""The solver beside TensorFlow."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import tensorflow
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem
from pipelines.capacity.schedule.ways import best

cards = tuple(CardSlot(f"card {number}", "t4", 100) for number in range(2))
seconds = (7, 7, 6, 6, 5, 5, 4, 4, 4)
jobs = tuple(Job(f"job {number}", "jobs", {"t4": each}, 10) for number, each in enumerate(seconds))
plan = best(Problem(cards, jobs), 20.0)
print(plan.makespan_seconds, plan.proven_best)
"""


def test_it_proves_a_plan_in_a_process_that_has_loaded_tensorflow() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["24", "True"]
