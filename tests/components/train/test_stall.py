from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.train.under_way import TrainingNote

CHILD = """
import ctypes, sys, threading, time
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
    if sys.argv[2] == "hangs with the interpreter's lock":
        ctypes.PyDLL(None).pause()
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


@pytest.mark.parametrize("how", ["hangs", "hangs with the interpreter's lock"])
def test_a_training_that_hangs_is_ended_and_goes_on_with_half_the_micro_batch(tmp_path: Path, how: str) -> None:
    child = _child(tmp_path, how)
    assert child.returncode == -6
    assert "nothing was computed for 2 s" in child.stderr
    assert "going on with 32" in TrainingNote(tmp_path).took_over()


def test_a_training_that_waits_in_between_is_left_alone_and_so_is_what_comes_after_it(tmp_path: Path) -> None:
    child = _child(tmp_path, "computes")
    assert child.stdout == "done\n"
    assert TrainingNote(tmp_path).took_over() == ""


def test_a_training_that_was_halted_is_not_taken_to_hang(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-c", CHILD, str(tmp_path), "computes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        time.sleep(1.5)
        child.send_signal(signal.SIGSTOP)
        time.sleep(4)
        child.send_signal(signal.SIGCONT)
        assert child.communicate(timeout=60)[0] == "done\n"


def test_the_watch_ends_with_a_training_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-c", CHILD, str(tmp_path), "hangs"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as child:
        while not Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text():
            time.sleep(0.05)
        child.kill()
        # The error output stays open for as long as the watch lives.
        assert child.communicate(timeout=60)[1] == b""
