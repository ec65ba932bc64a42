"""The serving check in TensorFlow Serving."""

import shutil

import pytest

from components.dataset.load import load_dataset
from components.journal import Journal
from serving.steps.serving_check.runtimes import choose_runtime
from serving.steps.serving_check.step import ServingCheckRequest, check_serving


@pytest.fixture
def check(river_series, model_server_binary, monkeypatch, tmp_path):
    """Checks a candidate in the tensorflow_model_server on PATH."""
    monkeypatch.setenv("PATH", str(model_server_binary.parent), prepend=":")

    def run(candidate):
        runtime = choose_runtime()
        assert runtime.name == "tfserving"
        request = ServingCheckRequest(
            dataset=load_dataset(candidate / "dataset.yaml"),
            series=river_series,
            candidate=candidate,
            verdict=tmp_path / "verdict.json",
            runtime=runtime.name,
            runner=runtime.runner,
        )
        return check_serving(request, Journal("", "serving check"))

    return run


def test_a_sound_candidate_is_served_equal_to_keras_by_rest_and_grpc(check, candidates):
    verdict = check(candidates["river-1"])
    assert verdict.passed, verdict.problem
    assert set(verdict.differences) == {"v1", "tfserving"}
    assert verdict.memory_bytes > 1e8


def test_a_candidate_that_it_cannot_load_is_a_verdict(check, candidates, tmp_path):
    broken = shutil.copytree(candidates["river-1"], tmp_path / "broken")
    (broken / "saved_model.pb").write_bytes(b"not a graph")
    verdict = check(broken)
    assert not verdict.passed
    assert "TensorFlow Serving" in verdict.problem
