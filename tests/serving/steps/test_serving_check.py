"""The serving check: a real server loads the candidate, and its answers are Keras' own, or the verdict says why not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from components.dataset.load import load_dataset
from components.journal import Journal, read_events
from serving.steps.serving_check.comparison import RELATIVE, compare
from serving.steps.serving_check.servers import model_server
from serving.steps.serving_check.step import ServingCheckRequest, check_serving


@pytest.fixture
def check(river_series, tmp_path):
    """Runs the check of a candidate in KServe's ModelServer."""

    def run(candidate: Path):
        request = ServingCheckRequest(
            dataset=load_dataset(candidate / "dataset.yaml"),
            series=river_series,
            candidate=candidate,
            verdict=tmp_path / "verdict.json",
            runtime="inprocess",
            runner=model_server,
        )
        return check_serving(request, Journal(str(tmp_path / "work"), "serving check"))

    return run


def test_a_sound_candidate_is_served_equal_to_keras_over_every_protocol(check, candidates, tmp_path):
    verdict = check(candidates["river-1"])
    assert verdict.passed, verdict.problem
    assert set(verdict.differences) == {"v1", "v2", "v2-grpc", "tfserving"}
    assert all(0 <= share <= 1 for share in verdict.differences.values())
    assert 0 < verdict.latency_ms_p50 <= verdict.latency_ms_p99
    assert verdict.large_batch_seconds > 0
    assert verdict.memory_bytes > 1e8
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert written["passed"] is True
    assert written["differences"] == dict(verdict.differences)
    last = read_events(str(tmp_path / "work"))[0][-1]
    assert last["text"] == "equal to Keras"


def test_a_candidate_whose_saved_model_is_another_is_refused_and_names_the_output(check, candidates, tmp_path):
    mixed = shutil.copytree(candidates["river-1"], tmp_path / "mixed")
    for part in ("variables", "saved_model.pb", "fingerprint.pb"):
        source, target = candidates["river-2"] / part, mixed / part
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    verdict = check(mixed)
    assert not verdict.passed
    assert "differ from Keras'" in verdict.problem
    assert max(verdict.differences.values()) > 1


def test_a_candidate_that_no_server_can_load_is_a_verdict_with_the_servers_words(check, candidates, tmp_path):
    broken = shutil.copytree(candidates["river-1"], tmp_path / "broken")
    (broken / "saved_model.pb").write_bytes(b"not a graph")
    verdict = check(broken)
    assert not verdict.passed
    assert verdict.differences is None
    assert "ended" in verdict.problem


def test_a_difference_is_told_in_parts_of_what_is_allowed():
    wanted = {"forecast": np.zeros((2, 3), np.float32), "weights": np.full((2, 3), 0.5, np.float32)}
    within = {**wanted, "forecast": wanted["forecast"] + np.float32(5 * RELATIVE)}
    found = compare(within, wanted, target_std=10.0)
    assert (found.output, found.equal) == ("forecast", True)
    assert found.share == pytest.approx(0.5, rel=1e-3)
    assert not compare({**wanted, "weights": wanted["weights"] + np.float32(1e-3)}, wanted, 10.0).equal
    assert not compare({"forecast": wanted["forecast"]}, wanted, 10.0).equal
    assert not compare({**wanted, "forecast": np.full((2, 3), np.nan, np.float32)}, wanted, 10.0).equal
