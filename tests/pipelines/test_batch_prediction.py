"""Batch prediction as a command and as a pipeline, on a store with a real SavedModel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from components.image import IMAGE
from pipelines.compile import compile_pipeline

POND = Path(__file__).parents[1] / "artifacts" / "sluice-0.1.0" / "store"
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
PIPELINE = """
from pathlib import Path
from kfp import local
from pipelines.batch_prediction import batch_prediction_pipeline

here = Path.cwd()
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="root", enable_caching=True, cache_root="cache")
for _ in range(2):
    task = batch_prediction_pipeline(
        store=f"{here}/store", readings=f"{here}/ponds.csv", out=f"sqlite:///{here}/rows.db", series="pond",
        work=f"{here}/work",
    )
    print("written", int(task.outputs["rows_written"]), Path(task.outputs["summary"].path).read_text())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of one model, and the newest readings of three ponds, of which one has too few."""
    shutil.copytree(POND, tmp_path / "store")
    dataset = yaml.safe_load(next((tmp_path / "store").glob("*/1/dataset.yaml")).read_text())
    stamps = pd.date_range("2026-01-05", periods=dataset["window"] + 3, freq=dataset["step"], tz="UTC")
    generator = np.random.default_rng(1)
    parts = []
    for pond, rows in (("a", len(stamps)), ("b", len(stamps)), ("c", 5)):
        values = {name: generator.uniform(0.1, 0.9, rows).round(3) for name in dataset["columns"]}
        parts.append(pd.DataFrame({dataset["time"]: stamps[-rows:], "pond": pond, **values}))
    pd.concat(parts).to_csv(tmp_path / "ponds.csv", index=False)
    return tmp_path


@pytest.fixture
def horizons(folder: Path) -> int:
    card = json.loads(next((folder / "store").glob("*/1/model_card.json")).read_text())
    return len(card["horizons"])


def sluice(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", "predict-batch", "--store", "store", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, env=ENVIRONMENT)


def test_the_command_writes_the_rows_once_and_says_what_became_of_each(folder: Path, horizons: int):
    first = sluice(folder, "ponds.csv", "--series", "pond", "--out", "rows", "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    counts = [told[f"rows_{name}"] for name in ("in", "written", "already_there", "refused")]
    assert counts == [3 * horizons, 2 * horizons, 0, horizons]
    assert [refusal["series"] for refusal in told["refused"]] == ["c"]
    assert "forecasting" in first.stderr
    again = sluice(folder, "ponds.csv", "--series", "pond", "--out", "rows")
    assert again.returncode == 0, again.stderr
    assert f"written 0 + already there {2 * horizons} + refused {horizons}" in again.stdout
    assert "no forecast for c: " in again.stdout
    assert len(pd.read_parquet(folder / "rows")) == 2 * horizons


def test_nothing_to_forecast_and_wrong_input_exit_2(folder: Path):
    readings = pd.read_csv(folder / "ponds.csv")
    readings[readings["pond"] == "c"].to_csv(folder / "c.csv", index=False)
    none = sluice(folder, "c.csv", "--series", "pond", "--out", "rows")
    assert none.returncode == 2
    assert "no forecast for c" in none.stdout
    wrong = sluice(folder, "ponds.csv", "--out", "rows.csv")
    assert wrong.returncode == 2
    assert "rows are written as Parquet" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_the_pipeline_runs_under_kfp_local_and_is_never_taken_from_a_cache(folder: Path, horizons: int):
    (folder / "script.py").write_text(PIPELINE)
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line.split(" ", 2)[1:] for line in done.stdout.splitlines() if line.startswith("written ")]
    assert [int(written) for written, _ in told] == [2 * horizons, 0]
    summary = json.loads(told[1][1])
    assert (summary["rows_already_there"], summary["rows_refused"]) == (2 * horizons, horizons)
    events = [json.loads(line) for line in (folder / "work" / "journal.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events if event["event"] in ("started", "finished")] == [
        "started",
        "finished",
    ] * 2
    assert any("no forecast for c" in event.get("text", "") for event in events)


def test_the_pipeline_compiles_to_one_step_that_is_never_cached(tmp_path: Path):
    path = compile_pipeline("batch_prediction", tmp_path / "batch.yaml")
    compiled = next(iter(yaml.safe_load_all(path.read_text())))
    assert [executor["container"]["image"] for executor in compiled["deploymentSpec"]["executors"].values()] == [IMAGE]
    task = compiled["root"]["dag"]["tasks"]["batch-predict"]
    assert not task.get("cachingOptions", {}).get("enableCache", False)
    assert set(compiled["root"]["inputDefinitions"]["parameters"]) >= {"store", "readings", "out", "url", "query"}
