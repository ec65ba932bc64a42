"""`sluice predict`: the forecast after a file's last readings."""

import json

import numpy as np
import pandas as pd
import pytest

from components.errors import InputError
from serving.clients.client import PROTOCOLS
from serving.predict import PredictRequest, predict


@pytest.fixture
def readings(tmp_path):
    """40 readings at ten-minute steps, in local spelling."""
    rng = np.random.default_rng(5)
    times = pd.date_range("2025-03-01", periods=40, freq="10min")
    frame = pd.DataFrame(
        {"time": times, "level": rng.normal(size=40).round(3), "rain": rng.random(40).round(2), "tide": 0.25}
    )
    path = tmp_path / "readings.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_champion_of_a_store_answers_without_a_server(store, readings):
    prediction = predict(PredictRequest(str(readings), model="river", store=store.root))
    assert (prediction.model, prediction.version, prediction.target, prediction.unit) == ("river", 1, "level", "m")
    (forecast,) = prediction.forecasts
    assert forecast.origin == "2025-03-01T06:30:00Z"
    assert [(row.horizon, row.time) for row in forecast.rows] == [
        (1, "2025-03-01T06:40:00Z"),
        (3, "2025-03-01T07:00:00Z"),
    ]
    assert all(row.lower < row.forecast < row.upper for row in forecast.rows)
    assert 0 <= forecast.spike_probability <= 1
    row = forecast.rows[0]
    assert set(row.members) == {"first", "second"}
    assert row.forecast == pytest.approx(sum(row.members[name] * row.weights[name] for name in row.members), abs=1e-4)
    frame = pd.read_csv(readings)
    assert forecast.last_value == pytest.approx(frame["level"].iloc[-1], abs=1e-6)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_gives_the_same_forecast(server, readings, protocol):
    here = predict(PredictRequest(str(readings), model="river", store=server.store.root))
    url = server.url(protocol)
    there = predict(PredictRequest(str(readings), url=url, protocol=protocol, model="river", store=server.store.root))
    assert there.version == 1
    for mine, theirs in zip(here.forecasts[0].rows, there.forecasts[0].rows, strict=True):
        assert theirs.forecast == pytest.approx(mine.forecast, abs=1e-5)
        assert theirs.members == pytest.approx(mine.members, abs=1e-5)


def test_a_server_without_its_store_needs_the_dataset_file(server, readings):
    dataset = server.store.path("river", 1) / "dataset.yaml"
    prediction = predict(PredictRequest(str(readings), url=server.url("v1"), dataset=dataset))
    assert set(prediction.forecasts[0].rows[0].members) == {"member 1", "member 2"}
    with pytest.raises(InputError, match="no model store to take the dataset file from"):
        predict(PredictRequest(str(readings), url=server.url("v1")))


def test_known_columns_are_read_beyond_the_last_reading(store, readings, tmp_path):
    frame = pd.read_csv(readings)
    frame.loc[37:, ["level", "rain"]] = np.nan
    tidal = tmp_path / "tidal.csv"
    frame.to_csv(tidal, index=False)
    prediction = predict(PredictRequest(str(tidal), model="tidal", store=store.root))
    assert prediction.forecasts[0].origin == "2025-03-01T06:00:00Z"


def test_it_is_plain_json(store, readings):
    told = predict(PredictRequest(str(readings), model="river", store=store.root)).as_dict()
    again = json.loads(json.dumps(told))
    assert set(again["forecasts"][0]["rows"][0]) >= {"horizon", "time", "forecast", "lower", "upper"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model": None}, r"--model: the store holds 2 models\n  fix: choose from river, tidal"),
        ({"model": "lake"}, "no version of model 'lake'"),
        ({"file": "none.csv"}, "no such file"),
        ({"store": None}, "no model store"),
        ({"url": "http://localhost:9"}, "no server answers there"),
    ],
)
def test_mistakes(store, readings, change, problem):
    request = {"file": str(readings), "model": "river", "store": store.root, **change}
    with pytest.raises(InputError, match=problem):
        predict(PredictRequest(**request))


def test_too_few_readings(store, readings, tmp_path):
    short = tmp_path / "short.csv"
    pd.read_csv(readings).tail(11).to_csv(short, index=False)
    with pytest.raises(InputError, match="11 rows up to the last reading of level"):
        predict(PredictRequest(str(short), model="river", store=store.root))


def test_a_dataset_file_of_another_model_is_noticed(server, readings, tmp_path):
    text = (server.store.path("river", 1) / "dataset.yaml").read_text()
    longer = tmp_path / "longer.yaml"
    longer.write_text(text.replace("horizons: [1, 3]", "horizons: [1, 2, 3]"))
    with pytest.raises(InputError, match="answers 2 horizons, while the dataset file has 3"):
        predict(PredictRequest(str(readings), url=server.url("v1"), dataset=longer))
