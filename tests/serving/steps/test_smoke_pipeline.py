"""Deploy and smoke test as steps of a pipeline on this machine, against a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.deploy.step import DeployRequest, deploy_candidate
from components.journal import Journal

PIPELINE = """
import json
import sys
from kfp import dsl, local
from components.deploy.component import deploy
from serving.steps.smoke_test.component import smoke_test

asked = json.loads(sys.argv[1])
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="root")


@dsl.pipeline
def publish(smoke: bool):
    candidate = dsl.importer(artifact_uri=asked["candidate"], artifact_class=dsl.Model)
    series = dsl.importer(artifact_uri=asked["series"], artifact_class=dsl.Dataset)
    deployed = deploy(store=asked["store"], work=asked["work"], revision="", candidate=candidate.output)
    with dsl.If(smoke == True):
        smoke_test(
            dataset=asked["dataset"], store=asked["store"], version=deployed.outputs["Output"], service=asked["rest"],
            service_grpc=asked["grpc"], deadline_seconds=60, tolerance=1.0, key_file="", ca="", work=asked["work"],
            revision="", series=series.output,
        )


publish(smoke=asked["smoke"])
"""


class Publishing:
    """Runs the two steps for a candidate."""

    def __init__(self, folder: Path, server, series: Path) -> None:
        self.folder, self.server, self.series = folder, server, series
        (folder / "script.py").write_text(PIPELINE)

    def run(self, candidate: Path, smoke: bool = True) -> subprocess.CompletedProcess[str]:
        asked = {
            "candidate": str(candidate),
            "series": str(self.series),
            "dataset": (candidate / "dataset.yaml").read_text(),
            "store": str(self.server.store.root),
            "work": str(self.folder / "work"),
            "rest": self.server.url("v1"),
            "grpc": self.server.url("tfserving"),
            "smoke": smoke,
        }
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "script.py", json.dumps(asked)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=180, env=environment)

    def events(self) -> list[tuple[str, str]]:
        lines = (self.folder / "work" / "journal.jsonl").read_text().splitlines()
        return [(one["step"], one["event"]) for one in map(json.loads, lines) if one["event"] != "progress"]


@pytest.fixture
def publishing(tmp_path, changing_server, river_series, eventually) -> Publishing:
    changing_server.store.promote("river", 1)
    eventually(lambda: changing_server.version() == "1", 20)
    return Publishing(tmp_path, changing_server, river_series)


def test_a_rerun_after_a_crash_between_promotion_and_smoke_test_publishes_nothing_twice_and_ends_right(
    publishing: Publishing, candidates
):
    store = publishing.server.store
    deploy_candidate(DeployRequest(store, candidates["river-2"]), Journal("", "deploy"))
    assert store.champion("river").version == 2
    done = publishing.run(candidates["river-2"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert store.champion("river").version == 2
    assert store.champion("river").previous == 1
    assert store.versions("river") == (1, 2)
    assert publishing.server.version() == "2"
    assert publishing.events() == [
        ("deploy", "started"),
        ("deploy", "finished"),
        ("smoke test", "started"),
        ("smoke test", "finished"),
    ]


def test_wrong_answers_fail_the_run_with_the_reason_and_leave_the_champion_of_before(
    publishing: Publishing, candidates, eventually, tmp_path
):
    wrong = shutil.copytree(candidates["river-1"], tmp_path / "wrong")
    shutil.copytree(candidates["river-2"] / "variables", wrong / "variables", dirs_exist_ok=True)
    done = publishing.run(wrong)
    assert done.returncode != 0
    assert "differs from Keras'" in done.stdout + done.stderr
    assert "rolled back to version 1" in done.stdout + done.stderr
    assert publishing.server.store.champion("river").version == 1
    eventually(lambda: publishing.server.version() == "1", 20)
    assert publishing.events()[-1] == ("smoke test", "failed")


def test_where_no_server_runs_the_step_is_left_out(publishing: Publishing, candidates):
    done = publishing.run(candidates["river-2"], smoke=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [step for step, _ in publishing.events()] == ["deploy", "deploy"]
