"""Training under a real limit of memory, in a process of its own, started again where it dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from pipelines.run.again import run_again_after_death

SCRIPT = Path(__file__).parent / "limited_training.py"
BATCH = 32768
# A try takes 15 s, and a minute more where TensorFlow's threads wait for one another for want of memory.
LONGEST_TRY_SECONDS = 240


def _train(folder: Path, extra_mb: int, believed_mb: int) -> list[str]:
    """Output of every try; the last one has ended well."""
    tries: list[str] = []

    def run() -> int:
        command = [sys.executable, str(SCRIPT), str(folder), str(extra_mb), str(believed_mb)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LONGEST_TRY_SECONDS, check=False
        )
        tries.append(done.stdout + done.stderr)
        return done.returncode

    # Checkpoints lie where a run's work folder has them.
    code = run_again_after_death(run, str(folder), threading.Event())
    assert code == 0, tries[-1]
    return tries


@pytest.fixture
def folder(dataset: Dataset, series_folder: Path) -> Path:
    (series_folder.parent / "river.yaml").write_text(dump_dataset(dataset))
    return series_folder.parent


def test_training_that_believes_in_too_much_memory_ends_with_a_smaller_micro_batch(folder: Path) -> None:
    told = _train(folder, extra_mb=700, believed_mb=100_000)[-1]
    micro_batch = int(told.partition("micro-batches of ")[2].split()[0])
    assert 1 <= micro_batch <= BATCH // 2
    notes = [json.loads(path.read_text()) for path in folder.glob("checkpoints/*/under_way.json")]
    assert notes[0]["under_way"] is None
    assert min(notes[0]["most"].values()) >= 1


def test_the_limit_of_a_process_is_seen_before_it_hurts(folder: Path) -> None:
    told = _train(folder, extra_mb=1500, believed_mb=0)
    assert len(told) == 1
    assert "out of memory" not in (folder / "journal.jsonl").read_text()
    micro_batch = int(told[0].partition("micro-batches of ")[2].split()[0])
    assert 1 <= micro_batch <= BATCH // 2
