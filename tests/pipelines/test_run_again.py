from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from pipelines.run.again import run_again_after_death

# Dies under way until its micro-batch has come down to 16, as a training does that has memory for no more.
TRAINING = """
import os, sys
from pathlib import Path
from components.train.under_way import TrainingNote
folder = Path(sys.argv[1]) / "checkpoints" / "a"
folder.mkdir(parents=True, exist_ok=True)
note = TrainingNote(folder)
note.took_over()
micro_batch = note.most.get("windows", 64)
note.begin("windows", micro_batch, 0)
if micro_batch > 16:
    os.abort()
note.cross_out()
"""


def _run(script: str, folder: Path, codes: list[int]) -> int:
    command = ["sh", "-c", f'"{sys.executable}" -c "$0" "$1"; exit $?', script, str(folder)]
    codes.append(subprocess.run(command, capture_output=True, check=False).returncode)
    return codes[-1]


def test_a_training_that_dies_of_memory_is_run_again_with_half_the_micro_batch(tmp_path: Path) -> None:
    codes: list[int] = []
    code = run_again_after_death(lambda: _run(TRAINING, tmp_path, codes), str(tmp_path), threading.Event())
    assert codes == [134, 134, 0]
    assert code == 0


def test_a_step_that_dies_outside_training_is_not_run_again(tmp_path: Path) -> None:
    codes: list[int] = []
    code = run_again_after_death(
        lambda: _run("import os; os.abort()", tmp_path, codes), str(tmp_path), threading.Event()
    )
    assert codes == [code] == [134]


def test_nothing_is_run_again_while_the_run_is_stopping(tmp_path: Path) -> None:
    stopping, codes = threading.Event(), list[int]()
    stopping.set()
    assert run_again_after_death(lambda: _run(TRAINING, tmp_path, codes), str(tmp_path), stopping) == 134
    assert len(codes) == 1


def test_a_step_that_says_why_it_failed_is_not_run_again(tmp_path: Path) -> None:
    codes: list[int] = []
    assert (
        run_again_after_death(lambda: _run("raise SystemExit(1)", tmp_path, codes), str(tmp_path), threading.Event())
        == 1
    )
    assert codes == [1]
