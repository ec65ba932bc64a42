"""KServe's time-series API over the real server: its own types read the answer, and errors name what is available."""

import httpx
import numpy as np
import pytest

from serving.kserve_sdk import ErrorResponse, ForecastResponse

START = "2026-03-01T00:00:00Z"


@pytest.fixture
def ask(server):
    """Posts a request; keywords replace parts of the only input or of the options."""

    def post(series, options=None, model="river", **parts):
        given = {
            "type": "multivariate_time_series",
            "name": "weir",
            "series": series,
            "frequency": "minute",
            "frequency_multiple": 10,
            "start_timestamp": START,
            **parts,
        }
        body = {"model": model, "inputs": [given], "options": {"horizon": 1, **(options or {})}}
        return httpx.post(f"http://localhost:{server.http}/v1/timeseries/forecast", json=body)

    return post


def rows(windows, steps: int = 12) -> list[list[float]]:
    return windows(1)[0][:steps].tolist()


def message(reply: httpx.Response) -> str:
    return ErrorResponse.model_validate(reply.json()).error.message


def test_a_forecast_is_that_of_the_window_with_times_version_and_band(ask, server, windows):
    reply = ask(rows(windows), {"quantiles": [0.05, 0.95], "members": True})
    assert reply.status_code == 200, reply.text
    answer = ForecastResponse.model_validate(reply.json())
    content = answer.outputs[0].content[0]
    window = {"instances": windows(1).tolist()}
    told = httpx.post(f"http://localhost:{server.http}/v1/models/river:predict", json=window).json()["predictions"][0]
    assert content.mean_forecast == pytest.approx(told["forecast"][:1], abs=1e-6)
    assert content.quantiles["0.05"] == pytest.approx(told["lower"][:1], abs=1e-6)
    assert content.quantiles["0.95"] == pytest.approx(told["upper"][:1], abs=1e-6)
    assert content.start_timestamp == "2026-03-01T02:00:00Z"
    assert (answer.model_version, content.name, content.target, content.unit) == ("1", "weir", "level", "m")
    assert content.spike_probability == pytest.approx(told["spike_probability"], abs=1e-6)
    assert set(content.members) == set(content.weights) == {"first", "second"}


def test_members_and_quantiles_come_only_when_asked_for(ask, windows):
    content = ask(rows(windows)).json()["outputs"][0]["content"][0]
    assert {"members", "weights", "quantiles"}.isdisjoint(content)


def test_a_gap_is_filled_as_in_training(ask, windows):
    series = rows(windows)
    held = [*series[:5], [series[4][0], *series[5][1:]], *series[6:]]
    gap = [*series[:5], [None, *series[5][1:]], *series[6:]]
    first, second = (ask(one).json()["outputs"][0]["content"][0]["mean_forecast"] for one in (held, gap))
    assert first == second


def test_columns_may_come_in_another_order_by_name(ask, windows):
    series = rows(windows)
    turned = [row[::-1] for row in series]
    plain = ask(series).json()["outputs"][0]["content"][0]["mean_forecast"]
    named = ask(turned, columns=["tide", "rain", "level"]).json()["outputs"][0]["content"][0]["mean_forecast"]
    assert named == plain


def test_one_input_of_two_that_cannot_be_forecast_is_told_beside_the_other(server, windows):
    given = {
        "type": "multivariate_time_series",
        "frequency": "minute",
        "frequency_multiple": 10,
        "start_timestamp": START,
    }
    inputs = [{**given, "name": "a", "series": rows(windows)}, {**given, "name": "b", "series": rows(windows, 3)}]
    body = {"model": "river", "inputs": inputs, "options": {"horizon": 1}}
    answer = httpx.post(f"http://localhost:{server.http}/v1/timeseries/forecast", json=body).json()
    assert answer["status"] == "partial"
    assert [output["status"] for output in answer["outputs"]] == ["completed", "error"]
    assert "3 rows" in answer["outputs"][1]["error"]["message"]


@pytest.mark.parametrize(
    ("options", "parts", "told"),
    [
        ({"horizon": 3}, {}, "forecasts 1, 3 steps ahead; available here: at most 1"),
        ({"horizon": 0}, {}, "options.horizon"),
        ({"quantiles": [0.5]}, {}, "the model has 0.05 and 0.95, got 0.5"),
        ({}, {"frequency": "hour", "frequency_multiple": 1}, "'minute' with frequency_multiple 10"),
        ({}, {"frequency_multiple": 5}, "steps of 10min"),
        ({}, {"type": "univariate_time_series", "series": [1.0, 2.0]}, "reads 3 columns (level, rain, tide)"),
        ({}, {"series": [[1.0, 2.0]]}, "expected 3 values (level, rain, tide), got 2"),
        ({}, {"start_timestamp": "soon"}, "2026-01-31T06:00:00Z, got 'soon'"),
        ({}, {"columns": ["level", "rain", "snow"]}, "unknown 'snow'"),
        ({}, {"series": []}, "inputs.0.series"),
    ],
)
def test_what_the_model_cannot_do_is_400_and_says_what_it_can(ask, windows, options, parts, told):
    reply = ask(**{"series": rows(windows), "options": options, **parts})
    assert reply.status_code == 400
    assert told in message(reply)


def test_too_few_readings_are_422_and_an_unknown_model_404(ask, windows):
    short = ask(rows(windows, 4))
    assert short.status_code == 422
    assert "4 rows" in message(short)
    assert ask(rows(windows), model="nothing").status_code == 404


def test_without_a_start_the_last_step_is_now(ask, windows):
    reply = ask(rows(windows), start_timestamp=None).json()
    start = np.datetime64(reply["outputs"][0]["content"][0]["start_timestamp"].rstrip("Z"))
    assert np.timedelta64(0, "s") <= start - np.datetime64("now") <= np.timedelta64(600, "s")


def test_the_models_that_forecast_are_listed(server):
    assert httpx.get(f"http://localhost:{server.http}/v1/timeseries/models").json() == ["river", "tidal"]
