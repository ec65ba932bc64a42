import json

from kfp import dsl

from components.dataset.load import dump_dataset
from components.ensemble.component import ensemble
from components.journal import read_events


def test_the_component_takes_a_list_of_members():
    members = ensemble.component_spec.inputs["members"]
    assert members.type == "system.Model@0.0.1"
    assert members.is_artifact_list
    assert list(ensemble.component_spec.outputs) == ["candidate", "forecasts", "summary"]


def test_the_component_writes_its_artifacts_and_their_metadata(plain_basin, tmp_path):
    candidate = dsl.Model(name="candidate", uri=str(tmp_path / "candidate"))
    forecasts = dsl.Dataset(name="forecasts", uri=str(tmp_path / "forecasts"))
    summary = dsl.Metrics(name="summary", uri=str(tmp_path / "summary"))
    ensemble.python_func(
        dataset=dump_dataset(plain_basin.dataset),
        seed=1,
        work=str(tmp_path / "work"),
        revision="r",
        series=dsl.Dataset(name="series", uri=str(plain_basin.series_folder)),
        members=[dsl.Model(name="linear", uri=str(plain_basin.members[0]))],
        candidate=candidate,
        forecasts=forecasts,
        summary=summary,
    )
    written = json.loads((tmp_path / "summary").read_text())
    assert written["members"] == ["linear"]
    assert candidate.metadata["kind"] == written["kind"]
    assert forecasts.metadata["rows"] == written["test_rows"] > 0
    assert summary.metadata[f"rmse_{written['kind']}"] == written["candidates"][written["kind"]]
    assert (tmp_path / "candidate" / "saved_model.pb").is_file()
    events, _ = read_events(str(tmp_path / "work"))
    assert [event["event"] for event in events][:1] == ["started"]
    assert events[-1]["event"] == "finished"
    assert events[-1]["figures"]["kind"] == written["kind"]
