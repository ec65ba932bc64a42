"""The main job through kfp.local, on a small table: once, again, changed, refused, wrong, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

DATASET = """
name: pond
description: A pond's level; it's "made" by the test, {and all} == 'so'.
time: time
step: 5min
columns:
  rain: {unit: mm, limits: [0, 50], missing: {fill: zero, max_gap: 12}}
  level: {unit: m, limits: [-1, 10]}
target: level
window: 24
horizons: [1, 6]
gate: {skill_persistence: -9, skill_linear: -9, spike_recall: 0, coverage_tolerance: 0.9, latency_ms: 60000}
"""
MEMBERS = ("stacked_lstm", "linear")


def pond(rows: int) -> pd.DataFrame:
    """Level [m] of a linear reservoir (outflow 3 % a step) under showers."""
    generator = np.random.default_rng(4)
    rain = np.where(generator.random(rows) < 0.04, generator.gamma(2.0, 2.0, rows), 0.0)
    level = np.zeros(rows)
    for row in range(1, rows):
        level[row] = 0.97 * level[row - 1] + 0.02 * rain[row]
    start = datetime(2025, 1, 1, tzinfo=UTC)
    stamps = [(start + timedelta(minutes=5 * row)).isoformat() for row in range(rows)]
    return pd.DataFrame({"time": stamps, "rain": rain.round(2), "level": level.round(4)})


class Job:
    """A dataset file, its readings and the folder of its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = folder / "pond.yaml"
        self.readings = folder / "pond's readings.csv"
        self.out = folder / "out"
        self.dataset.write_text(DATASET)
        pond(4000).to_csv(self.readings, index=False)

    def command(self) -> list[str]:
        start = [sys.executable, "-m", "pipelines", "run", str(self.dataset), "--data", str(self.readings), "--json"]
        return [*start, "--out", str(self.out), "--members", ",".join(MEMBERS), "--budget", "0.15"]

    def run(self) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
        result = subprocess.run(self.command(), capture_output=True, text=True, timeout=300, cwd=self.folder)
        return result, json.loads(result.stdout or "{}")

    def journal(self) -> list[dict[str, Any]]:
        path = self.out / "work" / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def champion(self) -> dict[str, Any]:
        champion: dict[str, Any] = json.loads((self.out / "store" / "pond" / "champion.json").read_text())
        return champion

    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.out / "store" / "pond").iterdir() if path.name.isdigit())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job that has run once, well."""
    job = Job(tmp_path_factory.mktemp("pond"))
    result, facts = job.run()
    assert result.returncode == 0, result.stderr + (job.out / "logs" / "run.log").read_text()[-3000:]
    assert facts["outcome"] == "deployed"
    return job


def test_a_run_leaves_what_the_contract_names(finished: Job):
    metrics = json.loads((finished.out / "metrics.json").read_text())
    assert {"ensemble", "persistence", "seasonal_naive", *MEMBERS} <= set(metrics["models"])
    assert metrics["rows_in"] == metrics["rows_kept"] + metrics["rows_quarantined"] == 4000
    assert metrics["gate"]["passed"] is True
    steps = (
        "ingest",
        "preprocess",
        *(f"train {member}" for member in MEMBERS),
        "ensemble",
        "serving check",
        "validate",
        "deploy",
    )
    assert tuple(metrics["seconds"]) == steps
    assert all(seconds > 0 for seconds in metrics["seconds"].values())
    forecasts = pd.read_parquet(finished.out / "forecasts.parquet")
    assert {"series", "origin", "horizon", "actual", "forecast", "member_linear"} <= set(forecasts.columns)
    assert "<html" in (finished.out / "report.html").read_text()[:2000]
    assert finished.versions() == ["1"]


def test_the_figures_can_be_computed_again_from_the_forecasts(finished: Job):
    metrics = json.loads((finished.out / "metrics.json").read_text())
    forecasts = pd.read_parquet(finished.out / "forecasts.parquet")
    error = forecasts["forecast"] - forecasts["actual"]
    assert metrics["models"]["ensemble"]["rmse"] == pytest.approx(float(np.sqrt((error**2).mean())), rel=1e-6)


def test_the_same_command_again_takes_seconds_and_publishes_nothing(finished: Job):
    champion = finished.champion()
    started = time.monotonic()
    result, facts = finished.run()
    seconds = time.monotonic() - started
    assert result.returncode == 0, result.stderr
    assert facts["steps_run"] == ["deploy"]
    assert facts["version"] == 1
    assert finished.champion() == champion
    assert finished.versions() == ["1"]
    # 3 s alone on two cores.
    assert seconds < 20


def test_a_store_emptied_by_hand_is_filled_again(finished: Job):
    subprocess.run(["rm", "-r", str(finished.out / "store")], check=True)
    result, facts = finished.run()
    assert result.returncode == 0, result.stderr
    assert facts["version"] == 1
    assert finished.versions() == ["1"]


def test_wrong_readings_end_with_exit_code_2_though_a_step_found_them(finished: Job):
    whole = finished.readings.read_bytes()
    finished.readings.write_bytes(whole.replace(b"level", b"depth", 1))
    try:
        result, facts = finished.run()
    finally:
        finished.readings.write_bytes(whole)
    assert result.returncode == 2
    assert facts["outcome"] == "input_error"
    assert facts["error"]["step"] == "ingest"
    assert "error: " in result.stderr
    assert "level" in result.stderr
    assert "Traceback" not in result.stderr


def test_one_changed_byte_runs_every_step_again_and_a_refusal_keeps_the_champion(finished: Job):
    champion = finished.champion()
    whole, text = finished.readings.read_bytes(), finished.dataset.read_text()
    changed = whole[:-2] + (b"1" if whole[-2:-1] != b"1" else b"2") + whole[-1:]
    finished.readings.write_bytes(changed)
    finished.dataset.write_text(text.replace("skill_persistence: -9", "skill_persistence: 0.9999"))
    try:
        result, facts = finished.run()
        again, facts_again = finished.run()
    finally:
        finished.readings.write_bytes(whole)
        finished.dataset.write_text(text)
    assert result.returncode == 3, result.stderr
    ran = {"ingest", "preprocess", *(f"train {member}" for member in MEMBERS), "ensemble", "serving check", "validate"}
    assert set(facts["steps_run"]) == ran
    assert finished.champion() == champion
    assert "version 1 goes on serving" in result.stderr
    assert "0.9999" in result.stderr
    assert (Path(facts["refused"]) / "saved_model.pb").is_file()
    assert finished.out / "refused" in Path(facts["refused"]).parents
    # Refused again, from the cache, and kept once.
    assert (again.returncode, facts_again["steps_run"]) == (3, [])
    assert facts_again["refused"] == facts["refused"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_a_run_ended_while_it_trains_goes_on_with_the_same_command(tmp_path: Path, number: signal.Signals):
    job = Job(tmp_path)
    process = subprocess.Popen(job.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not any(one["step"] == "train stacked_lstm" and one["event"] == "progress" for one in job.journal()):
        assert time.monotonic() < deadline, "the training never began"
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == (1 if number == signal.SIGTERM else -number)
    if number == signal.SIGTERM:
        assert "same command" in errors
    result, facts = job.run()
    assert result.returncode == 0, result.stderr
    assert not {"ingest", "preprocess"} & set(facts["steps_run"])
    assert job.versions() == ["1"]
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _works_in(pid, job.out)]


def _works_in(pid: str, folder: Path) -> bool:
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
