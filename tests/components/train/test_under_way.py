from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.errors import InputError
from components.train.under_way import Machine, TrainingNote, UnderWay, died_of_memory, trainings_cut_off

HERE = Machine("host", "boot", 1, "100", memory_kills=4)
GONE = UnderWay(replace(HERE, pid=2**22 + 1), "windows", 32, step=50, stepped=True, memory_share=0.2, deaths=0)
ELSEWHERE = replace(HERE, host="other", boot="another")


@pytest.mark.parametrize(
    ("left", "here", "crash", "died"),
    [
        (GONE, HERE, "", False),
        (GONE, HERE, "Fatal Python error: Aborted\n", True),
        (GONE, replace(HERE, memory_kills=5), "", True),
        (GONE, ELSEWHERE, "", False),
        (replace(GONE, memory_share=0.95), ELSEWHERE, "", True),
        (replace(GONE, memory_share=0.95), HERE, "", False),
        (replace(GONE, stepped=False), ELSEWHERE, "", True),
        (replace(GONE, stepped=False), HERE, "", False),
        (replace(GONE, deaths=1), HERE, "", False),
        (replace(GONE, deaths=2), HERE, "", True),
    ],
)
def test_what_killed_a_training(left: UnderWay, here: Machine, crash: str, died: bool) -> None:
    assert bool(died_of_memory(left, here, crash)) == died


def test_a_training_that_lives_has_not_died() -> None:
    living = replace(GONE, machine=Machine.here(), stepped=False)
    assert died_of_memory(living, Machine.here(), "Fatal Python error: Aborted") == ""


CHILD = """
import os, signal, sys
from pathlib import Path
from components.train.under_way import TrainingNote
note = TrainingNote(Path(sys.argv[1]))
note.begin("windows", 64, 0)
note.stepped(7)
if sys.argv[2] == "abort":
    os.abort()
if sys.argv[2] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
note.cross_out()
"""


def _child(folder: Path, how: str) -> None:
    subprocess.run([sys.executable, "-c", CHILD, str(folder), how], check=False, capture_output=True)


@pytest.mark.parametrize(("how", "most"), [("abort", {"windows": 32}), ("kill", {}), ("end", {})])
def test_only_an_abort_halves_the_micro_batch(how: str, most: dict[str, int], tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "a"
    folder.mkdir(parents=True)
    _child(folder, how)
    assert trainings_cut_off(tmp_path) == (how != "end")
    note = TrainingNote(folder)
    told = note.took_over()
    assert ("32" in told) == bool(most)
    assert note.most == most


def test_a_smaller_micro_batch_is_remembered_and_one_is_the_least(tmp_path: Path) -> None:
    note = TrainingNote(tmp_path)
    note.begin("chunks", 2, 0)
    assert note.too_large("chunks", 2) == 1
    note.cross_out()
    assert TrainingNote(tmp_path).most == {"chunks": 1}
    with pytest.raises(InputError, match="single window"):
        note.too_large("chunks", 1)


def test_a_torn_note_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "under_way.json").write_text('{"most": {"win')
    note = TrainingNote(tmp_path)
    assert note.took_over() == ""
    assert note.most == {}
