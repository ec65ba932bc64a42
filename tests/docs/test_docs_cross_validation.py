"""The page on cross-validation: its commands run one after the other as they are written, on a few readings."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
SLUICE = [sys.executable, "-m", "pipelines"]
DATASET = """
name: levels
time: time
step: 1h
columns: {level: {unit: m}, rain: {unit: mm}}
target: level
window: 8
horizons: [1, 3]
"""
# Only what is trained is cut.
CUT = {"cross-validate": ["--members", "linear", "--folds", "3"], "search-weights": ["--trials", "8"], "compile": []}


def documented() -> list[list[str]]:
    """Words of every command of the page, without `sluice`."""
    text = (ROOT / "docs" / "cross_validation.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [shlex.split(line, comments=True)[1:] for block in blocks for line in block.splitlines()]


def write_levels(folder: Path) -> None:
    generator = np.random.default_rng(2)
    rain = generator.gamma(0.5, 4.0, 400) * (generator.random(400) < 0.1)
    level = np.zeros(400)
    for row in range(1, 400):
        level[row] = 0.9 * level[row - 1] + 0.1 * rain[row - 1]
    stamps = pd.date_range("2025-01-01", periods=400, freq="1h")
    pd.DataFrame({"time": stamps, "level": level, "rain": rain}).to_csv(folder / "levels.csv", index=False)
    (folder / "levels.yaml").write_text(DATASET)


def call(words: list[str], folder: Path) -> dict[str, object]:
    """Runs a command; the object that it prints."""
    asked = [*SLUICE, *words, *CUT[words[0]], *(["--json"] if words[0] != "compile" else [])]
    result = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout) if words[0] != "compile" else {}


@pytest.mark.slow
def test_the_commands_of_the_page_run_and_a_killed_one_goes_on(tmp_path: Path) -> None:
    write_levels(tmp_path)
    folds, search, retrain, *compiled = documented()
    kill_in_the_last_training([*folds, *CUT["cross-validate"]], tmp_path)
    facts = call(folds, tmp_path)
    assert facts["metrics"]["trainings"] == 3
    assert "preprocess" not in facts["steps_run"]
    assert len([step for step in facts["steps_run"] if step.startswith("train ")]) < 3
    assert call(folds, tmp_path)["steps_run"] == []
    searched = call(search, tmp_path)
    assert searched["search_metrics"]["methods"]["single"]["relative_check"] < 1
    again = call(retrain, tmp_path)
    assert again["metrics"]["trainings"] == 3 * 3
    assert all("experiment" in step for step in again["steps_run"] if step.startswith("train "))
    for file in (*facts["files"].values(), *searched["files"].values()):
        assert Path(file).exists()
    for words in compiled:
        call(words, tmp_path)
        assert (tmp_path / words[-1]).is_file()


def kill_in_the_last_training(words: list[str], folder: Path) -> None:
    """Kills the command by a signal that can't be caught: two run at once, so one is done when the third begins."""
    journal = folder / "runs" / "levels-folds" / "work" / "journal.jsonl"
    running = subprocess.Popen([*SLUICE, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while time.monotonic() < end and running.poll() is None:
        lines = journal.read_text().splitlines() if journal.exists() else []
        if sum('"started"' in line and '"train ' in line for line in lines) == 3:
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait(30)
