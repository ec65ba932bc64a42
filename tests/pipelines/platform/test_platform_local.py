"""The graph as compiled for a cluster, run on this machine: what it ignores is told, and nothing else differs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipelines.compile import compiled_documents, pipeline_function
from pipelines.platform.parity import asked_of_platforms, ignored, ignored_line
from pipelines.platform.platform import on_cluster
from pipelines.platform.profile import load_profile

DATASET = """
name: pond
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

TRIED = """
import json, os, sys, time
from pathlib import Path
from kfp import dsl, kubernetes, local

here = Path.cwd()
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="root")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def ask(folder: str):
    import os, time
    from pathlib import Path

    tries = Path(folder) / "tries"
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    if len(tries.read_text()) < 3:
        raise SystemExit(1)
    time.sleep(2)
    (Path(folder) / "seen").write_text(f"{os.environ.get('GIVEN', '')},{os.environ.get('SECRET', '')}")
    (Path(folder) / "mounted").write_text(str(Path('/mnt/claimed-by-nobody').exists()))


@dsl.pipeline
def pipeline():
    task = ask(folder=str(here))
    task.set_env_variable("GIVEN", "yes").set_retry(2, backoff_duration="0s")
    task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(64)
    kubernetes.set_timeout(task, 1)
    kubernetes.add_node_selector(task, "nvidia.com/gpu.product", "none-such")
    kubernetes.use_secret_as_env(task, "none", {"key": "SECRET"})
    kubernetes.mount_pvc(task, "none", "/mnt/claimed-by-nobody")


pipeline()
"""


def test_the_plain_graph_asks_for_nothing_that_a_local_run_ignores():
    asked = asked_of_platforms(compiled_documents(pipeline_function("training")))
    assert set(ignored(asked, "docker")) == set()
    assert set(ignored(asked, "subprocess")) <= {"image"}
    assert ignored_line(asked, "docker") == ""


def test_one_line_names_what_only_a_cluster_does():
    graph = pipeline_function("training", on_cluster(load_profile("shared")))
    line = ignored_line(asked_of_platforms(compiled_documents(graph)), "subprocess")
    assert "\n" not in line
    for name in ("accelerator", "node affinity", "toleration", "timeout", "claim", "memory"):
        assert name in line
    assert "retry" not in line


def test_the_local_runner_does_what_the_table_says_of_it(tmp_path: Path):
    (tmp_path / "script.py").write_text(TRIED)
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "tries").read_text() == "xxx"  # retry: honoured
    assert (tmp_path / "seen").read_text() == "yes,"  # environment: honoured; secret: not; 1 s timeout: not
    assert (tmp_path / "mounted").read_text() == "False"


def test_explain_lists_the_settings_as_a_table_and_as_json(tmp_path: Path):
    command = [sys.executable, "-m", "pipelines", "compile", "--profile", "shared", "--explain"]
    table = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert table.returncode == 0, table.stderr
    assert table.stdout.splitlines()[0].split() == ["setting", "cluster", "docker", "subprocess", "steps", "remark"]
    facts = json.loads(subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True).stdout)
    settings = {one["name"]: one for one in facts["settings"]}
    assert settings["accelerator"]["steps"] == ["train"]
    assert (settings["toleration"]["cluster"], settings["toleration"]["subprocess"]) == ("yes", "no")
    assert not list(tmp_path.glob("*.yaml"))


@pytest.mark.slow
def test_members_in_two_loops_end_in_one_ensemble_and_the_run_says_what_it_ignores(tmp_path: Path):
    (tmp_path / "pond.yaml").write_text(DATASET)
    generator = np.random.default_rng(4)
    stamps = pd.date_range("2025-01-01", periods=3000, freq="5min", tz="UTC")
    rain = np.where(generator.random(3000) < 0.04, generator.gamma(2.0, 2.0, 3000), 0.0)
    level = pd.Series(0.02 * rain).ewm(alpha=0.03).mean() / 0.03
    pd.DataFrame({"time": stamps, "rain": rain.round(2), "level": level.round(4)}).to_csv(
        tmp_path / "pond.csv", index=False
    )
    own = load_profile("shared").model_dump(exclude_none=True, mode="json")
    own |= {"name": "own", "training": {"batch": 24, "micro_batch": 8, "precision": "float32"}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    start = [sys.executable, "-m", "pipelines", "run", "pond.yaml", "--data", "pond.csv", "--out", "out"]
    command = [*start, "--members", "stacked_lstm,linear", "--budget", "0.1", "--profile", "own.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("This run ignores")]
    assert len(told) == 1
    card = json.loads((tmp_path / "out" / "store" / "pond" / "1" / "model_card.json").read_text())
    assert card["members"] == ["stacked_lstm", "linear"]
    found = [json.loads(path.read_text()) for path in (tmp_path / "out" / "pipeline").rglob("member.json")]
    (recipe,) = [each["recipe"] for each in found if each["name"] == "stacked_lstm"]
    assert (recipe["windows"], recipe["chunks"], recipe["precision"]) == (24, 24, "float32")
