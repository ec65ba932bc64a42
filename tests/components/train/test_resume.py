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


EXACT = """
import os, signal, sys
from pathlib import Path
import components.train.training as training
from components.dataset.load import parse_dataset
from components.journal import Journal
from components.train.loop import Trainer
from components.train.step import TrainRequest, train_member

training.CHECKPOINT_SECONDS = 0.05
folder, out, steps, killed_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
step, done = Trainer.step, []

def watched(trainer, rate):
    step(trainer, rate)
    done.append(rate)
    if len(done) == killed_at:
        os.kill(os.getpid(), signal.SIGKILL)

Trainer.step = watched
dataset = parse_dataset((folder / "river.yaml").read_text(), "river.yaml")
request = TrainRequest(
    dataset, folder / "series", "rule_based", 1.0, 0, folder / out, folder / out / "member",
    steps=steps, deterministic=True,
)
train_member(request, Journal(str(folder / out), "train rule_based"))
"""


def _exact(folder: Path, out: str, killed_at: int) -> int:
    command = [sys.executable, "-c", EXACT, str(folder), out, "60", str(killed_at)]
    done = subprocess.run(
        command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True, timeout=200
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def test_a_run_killed_at_any_step_ends_with_the_same_weights(dataset: Dataset, series_folder: Path) -> None:
    folder = series_folder.parent
    (folder / "river.yaml").write_text(dump_dataset(dataset))
    assert _exact(folder, "whole", 0) == 0
    # In the first probe, and between two scores of the main stretch; traces count as steps here.
    kills = [5, 30]
    codes = [_exact(folder, "killed", killed_at) for killed_at in (*kills, 0)]
    assert codes == [-signal.SIGKILL] * len(kills) + [0]
    whole, killed = (np.load(next((folder / out).glob("checkpoints/*/checkpoint.npz"))) for out in ("whole", "killed"))
    names = [name for name in whole.files if name != "facts"]
    assert names == [name for name in killed.files if name != "facts"]
    for name in names:
        np.testing.assert_array_equal(killed[name], whole[name], err_msg=name)
    forecasts = [np.load(folder / out / "member" / "forecasts.npz")["test"] for out in ("whole", "killed")]
    np.testing.assert_array_equal(*forecasts)


def test_a_damaged_checkpoint_and_one_of_another_version_are_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(b"PK\x03\x04 torn")
    assert load_checkpoint(path) == {}
    np.savez(path, facts=np.asarray(json.dumps({"format": 1, "runs": {}})))
    assert load_checkpoint(path) == {}


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
