import json
from pathlib import Path

import pytest
from kfp import dsl

from components.dataset.load import dump_dataset
from components.journal import read_events
from components.validate.component import validate


@pytest.mark.parametrize("latency_ms", [1200.0, 0.0001])
def test_the_component_returns_the_verdict_and_leaves_its_artifacts(creek, tmp_path: Path, latency_ms: float) -> None:
    gate = creek.dataset.gate.model_copy(update={"latency_ms": latency_ms})
    outputs = {
        "metrics": dsl.Metrics(uri=str(tmp_path / "metrics")),
        "gate": dsl.Artifact(uri=str(tmp_path / "gate")),
        "report": dsl.HTML(uri=str(tmp_path / "report")),
    }
    passed = validate.python_func(
        dataset=dump_dataset(creek.dataset.model_copy(update={"gate": gate})),
        store=str(tmp_path / "store"),
        champion=0,
        work=str(tmp_path / "work"),
        revision="1",
        ingested=dsl.Metrics(uri=str(creek.ingested)),
        series=dsl.Dataset(uri=str(creek.series_folder)),
        forecasts=dsl.Dataset(uri=str(creek.forecasts)),
        candidate=dsl.Model(uri=str(creek.candidate)),
        serving=dsl.Artifact(uri=str(creek.serving)),
        **outputs,
    )
    assert passed is (latency_ms > 1)
    assert json.loads((tmp_path / "metrics").read_text())["gate"]["passed"] is passed
    assert outputs["gate"].metadata["failed"] == ("" if passed else "latency of one window")
    assert outputs["metrics"].metadata["rmse_persistence"] > outputs["metrics"].metadata["rmse"]
    assert "<h2>Errors</h2>" in (tmp_path / "report").read_text()
    last = read_events(str(tmp_path / "work"))[0][-1]
    assert (last["event"], last["figures"]["passed"]) == ("finished", passed)
