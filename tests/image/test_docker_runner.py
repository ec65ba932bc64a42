"""The main job with a container for each step, where a docker daemon has the image of this very code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.errors import InputError
from components.image import IMAGE
from pipelines.run.docker_check import check_docker
from pipelines.run.docker_steps import LABEL, ContainerSteps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # A thread that watches a container must not fail behind the run's back.
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]
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


@pytest.fixture(autouse=True, scope="module")
def image(client: Any) -> None:
    """The image of this very code; without it these tests skip, saying so."""
    try:
        check_docker()
    except InputError as error:
        pytest.skip(str(error))


class Job:
    """Readings of a pond, and the folder of its runs."""

    def __init__(self, folder: Path, client: Any) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.client = client
        (folder / "pond.yaml").write_text(DATASET)
        generator = np.random.default_rng(4)
        rain = np.where(generator.random(4000) < 0.04, generator.gamma(2.0, 2.0, 4000), 0.0)
        level = np.zeros(4000)
        for row in range(1, 4000):
            level[row] = 0.97 * level[row - 1] + 0.02 * rain[row]
        start = datetime(2025, 1, 1, tzinfo=UTC)
        stamps = [(start + timedelta(minutes=5 * row)).isoformat() for row in range(4000)]
        pd.DataFrame({"time": stamps, "rain": rain.round(2), "level": level.round(4)}).to_csv(
            folder / "readings.csv", index=False
        )

    def command(self) -> list[str]:
        start = [
            sys.executable,
            "-m",
            "pipelines",
            "run",
            str(self.folder / "pond.yaml"),
            "--runner",
            "docker",
            "--json",
        ]
        data = ["--data", str(self.folder / "readings.csv"), "--out", str(self.out)]
        return [*start, *data, "--members", "stacked_lstm,linear", "--budget", "0.3"]

    def run(self) -> dict[str, Any]:
        result = subprocess.run(self.command(), capture_output=True, text=True, timeout=600, cwd=self.folder)
        log = self.out / "logs" / "run.log"
        assert result.returncode == 0, result.stderr + (log.read_text()[-3000:] if log.exists() else "")
        facts: dict[str, Any] = json.loads(result.stdout)
        return facts

    def trains(self) -> bool:
        path = self.out / "work" / "journal.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return any(one["step"] == "train stacked_lstm" and one["event"] == "progress" for one in events)

    def containers(self) -> list[Any]:
        found: list[Any] = self.client.containers.list(
            all=True, filters={"label": f"{LABEL}={self.out.resolve() / 'pipeline'}"}
        )
        return found


def test_the_whole_pipeline_runs_in_containers_and_again_from_its_cache(tmp_path: Path, client: Any) -> None:
    job = Job(tmp_path, client)

    first, second = job.run(), job.run()

    assert first["outcome"] == second["outcome"] == "deployed"
    assert "ensemble" in json.loads((job.out / "metrics.json").read_text())["models"]
    assert json.loads((job.out / "store" / "pond" / "champion.json").read_text())["version"] == 1
    assert second["steps_run"] == ["deploy"]
    assert job.containers() == []
    assert {path.stat().st_uid for path in job.out.rglob("*")} == {tmp_path.stat().st_uid}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_a_run_ended_while_it_trains_leaves_no_container_and_goes_on(
    tmp_path: Path, client: Any, number: signal.Signals
) -> None:
    job = Job(tmp_path, client)
    process = subprocess.Popen(job.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 200
    while not job.trains():
        assert time.monotonic() < deadline, "the training never began"
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    assert job.containers()

    process.send_signal(number)
    process.communicate(timeout=60)

    deadline = time.monotonic() + 30
    while job.containers() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert job.containers() == []
    assert not {"ingest", "preprocess"} & set(job.run()["steps_run"])


def test_a_step_that_ends_at_once_keeps_its_exit_code(tmp_path: Path, client: Any) -> None:
    steps = ContainerSteps(str(tmp_path), dict, threading.Event())

    codes = [steps.run(client, IMAGE, ["sh", "-c", f"exit {code}"], volumes={}) for code in (0, 3)]

    assert codes == [0, 3]
    assert steps.stopping.is_set()


def test_a_step_can_write_to_tmp_and_nowhere_else(
    tmp_path: Path, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = ContainerSteps(str(tmp_path), lambda: {"GREETING": "hello"}, threading.Event())

    code = steps.run(client, IMAGE, ["sh", "-c", "touch /tmp/x && echo $GREETING && touch /app/x"], volumes={})

    assert code != 0
    assert capsys.readouterr().out.splitlines()[0] == "hello"


def test_what_a_killed_run_has_left_is_removed_by_the_next_one(
    tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `install` replaces it for the rest of the process.
    monkeypatch.setattr("kfp.local.docker_task_handler.run_docker_container", None)
    left = client.containers.run(IMAGE, ["sleep", "600"], detach=True, labels={LABEL: str(tmp_path)})

    ContainerSteps(str(tmp_path), dict, threading.Event()).install()

    assert left.id not in [one.id for one in client.containers.list(all=True)]


def test_an_image_of_other_code_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.run.docker_check.code_revision", lambda *_: "0" * 64)

    with pytest.raises(InputError, match="other code"):
        check_docker()
