from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.journal import read_events
from components.train.checkpoint import Progress, load_checkpoint, save_checkpoint

SCRIPT = """
import sys
from pathlib import Path
import components.train.training as training
from components.dataset.load import parse_dataset
from components.journal import Journal
from components.train.step import TrainRequest, train_member

training.CHECKPOINT_SECONDS = 0.5
folder, budget = Path(sys.argv[1]), float(sys.argv[2])
dataset = parse_dataset((folder / "river.yaml").read_text(), "river.yaml")
request = TrainRequest(dataset, folder / "series", "rule_based", budget, 0, folder / "work", folder / "out")
train_member(request, Journal(str(folder / "work"), "train rule_based"))
"""


def _start(folder: Path, budget_seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(budget_seconds)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _steps_saved(folder: Path) -> int:
    found = list((folder / "work" / "checkpoints").glob("*/checkpoint.npz"))
    return sum(run.step for run in load_checkpoint(found[0]).values()) if found else 0


def _wait_for_steps(process: subprocess.Popen[str], folder: Path, steps: int) -> int:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if (saved := _steps_saved(folder)) >= steps:
            return saved
        time.sleep(0.1)
    raise AssertionError(f"no checkpoint with {steps} steps: {process.communicate()[0]}")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_training_goes_on_from_its_checkpoint(
    how: signal.Signals, dataset: Dataset, series_folder: Path
) -> None:
    folder = series_folder.parent
    (folder / "river.yaml").write_text(dump_dataset(dataset))
    first = _start(folder, 600.0)
    saved = _wait_for_steps(first, folder, 5)
    first.send_signal(how)
    first.communicate(timeout=60)
    assert first.returncode != 0
    assert not (folder / "out" / "member.json").exists()
    saved = max(saved, _steps_saved(folder))

    second = _start(folder, 7.0)
    told = second.communicate(timeout=120)[0]
    assert second.returncode == 0, told
    facts = json.loads((folder / "out" / "member.json").read_text())
    steps = [line["step"] for line in facts["history"]]
    assert steps == sorted(steps)
    assert facts["history"][0]["step"] == 0
    notes = [event["text"] for event in read_events(str(folder / "work"))[0] if event["event"] == "note"]
    assert any("goes on from its checkpoint, after" in note for note in notes)
    assert _steps_saved(folder) >= saved


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    run = Progress(
        step=3,
        seconds=1.5,
        weights=[generator.normal(size=(2, 3)).astype(np.float32), np.float32([1.0])],
        optimizer=[np.asarray(3)],
        average=[np.zeros(2, np.float32)],
        best=[np.ones(2, np.float32)],
        best_error=0.25,
        history=[{"step": 0, "validation_loss": 0.5}],
        random=dict(generator.bit_generator.state),
    )
    save_checkpoint(tmp_path / "a" / "checkpoint.npz", {"chunks": run})
    again = load_checkpoint(tmp_path / "a" / "checkpoint.npz")["chunks"]
    assert {k: v for k, v in vars(again).items() if not isinstance(v, list)} == {
        k: v for k, v in vars(run).items() if not isinstance(v, list)
    }
    assert again.history == run.history
    for name in ("weights", "optimizer", "average", "best"):
        for ours, theirs in zip(getattr(again, name), getattr(run, name), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert os.listdir(tmp_path / "a") == ["checkpoint.npz"]


def test_no_checkpoint_is_no_progress(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "checkpoint.npz") == {}
