from __future__ import annotations

import json

import pytest
from kfp import dsl

from components.dataset.load import dump_dataset
from components.errors import InputError
from components.journal import read_events
from components.preprocess.component import preprocess
from components.preprocess.storage import load_series


@pytest.fixture
def artifacts(tmp_path):
    return {
        "readings": dsl.Dataset(uri=str(tmp_path / "readings.parquet")),
        "series": dsl.Dataset(uri=str(tmp_path / "series")),
        "summary": dsl.Metrics(uri=str(tmp_path / "summary")),
    }


def test_the_component_writes_the_series_its_figures_and_its_events(make_dataset, make_readings, artifacts, tmp_path):
    dataset = make_dataset()
    make_readings(dataset).to_parquet(artifacts["readings"].path)
    preprocess.python_func(dump_dataset(dataset), str(tmp_path / "work"), "1", **artifacts)
    figures = json.loads((tmp_path / "summary").read_text())
    assert figures["rows_grid"] == len(load_series(tmp_path / "series").values) == 100
    assert artifacts["summary"].metadata["windows_test"] == figures["windows_test"] == 18
    kinds = [event["event"] for event in read_events(str(tmp_path / "work"))[0]]
    assert (kinds[0], kinds[-1]) == ("started", "finished")


def test_missing_readings_are_an_input_error_in_the_journal(make_dataset, artifacts, tmp_path):
    with pytest.raises(InputError, match="is not there"):
        preprocess.python_func(dump_dataset(make_dataset()), str(tmp_path / "work"), "1", **artifacts)
    last = read_events(str(tmp_path / "work"))[0][-1]
    assert (last["event"], last["input_error"]) == ("failed", True)
