from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from components.train.under_way import TrainingNote

CHILD = """
import sys, threading, time
from pathlib import Path
from components.train.stall import aborted_when_stalled
from components.train.under_way import TrainingNote

def compute(seconds):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        sum(range(100_000))

note = TrainingNote(Path(sys.argv[1]))
note.begin("windows", 64, 0)
with aborted_when_stalled(print, seconds=2):
    if sys.argv[2] == "hangs":
        threading.Event().wait()
    for _ in range(3):
        compute(0.1)
        time.sleep(1)
time.sleep(3)
note.cross_out()
print("done")
"""


def _child(folder: Path, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-u", "-c", CHILD, str(folder), how]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_a_training_that_hangs_is_ended_and_goes_on_with_half_the_micro_batch(tmp_path: Path) -> None:
    child = _child(tmp_path, "hangs")
    assert child.returncode == -6
    assert "nothing was computed for 2 s" in child.stdout
    assert "going on with 32" in TrainingNote(tmp_path).took_over()


def test_a_training_that_waits_in_between_is_left_alone_and_so_is_what_comes_after_it(tmp_path: Path) -> None:
    child = _child(tmp_path, "computes")
    assert child.stdout == "done\n"
    assert TrainingNote(tmp_path).took_over() == ""
