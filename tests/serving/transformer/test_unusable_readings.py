"""What can't be forecast is refused in the same words by every protocol: the field, what is wrong, and what to do."""

import time

import grpc
import numpy as np
import pandas as pd
import pytest


def recent(tables, seconds):
    """Readings whose last is so many seconds old."""
    last = pd.Timestamp(time.time() - seconds, unit="s").floor("10min")
    return tables.frame(start=last - pd.Timedelta("390min"))


def refused_by_grpc(ask, model, table, **parameters):
    with pytest.raises(grpc.RpcError) as caught:
        ask.v2_grpc(model, table, **parameters)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return caught.value.details()


# What is wrong with the readings, by what they are changed to: (change, status, texts of the error).
CASES = {
    "a missing column": (
        lambda table: table.rename(columns={"level": "Level"}),
        400,
        ["no 'level'", "did you mean 'Level'?"],
    ),
    "a missing time": (lambda table: table.drop(columns="time"), 400, ["no 'time'"]),
    "a time that is none": (
        lambda table: table.assign(time=table["time"].where(table.index != 4, "yesterday")),
        400,
        ["time of reading 5 is 'yesterday', which is no time", "ISO 8601"],
    ),
    "an impossible year": (
        lambda table: table.assign(time=table["time"].str.replace("2025", "2250")),
        400,
        ["a reading is of 2250-03-01", "1900 to 2200"],
    ),
    "too few rows": (lambda table: table.tail(11), 422, ["river: 11 rows", "window needs 12", "12 steps of 10min"]),
    "a gap too long": (
        lambda table: table.assign(rain=table["rain"].where(table.index < 33), level=table["level"]),
        422,
        ["rain has no value at", "gaps longer than 3 steps are not filled", "give readings of rain"],
    ),
    "no target": (lambda table: table.assign(level=np.nan), 422, ["level is never read"]),
    "nothing usable": (
        lambda table: table.assign(level=np.nan, rain=np.nan, tide=np.nan),
        422,
        ["none of 40 readings can be used", "no usable value is left"],
    ),
    "another series": (
        lambda table: table.assign(series="lake"),
        422,
        ["lake: the model knows no such series", "river"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refusals(ask, tables, case):
    change, status, texts = CASES[case]
    table = change(tables.frame())
    details = refused_by_grpc(ask, "river", table)
    for reply in (ask.v1("river", table), ask.v2("river", table)):
        assert reply.status_code == status, reply.text
        assert reply.json()["error"] == details
        if status == 422:
            assert set(reply.json()["refused"][0]) == {"series", "problem", "fix"}
    for text in texts:
        assert text in details


def test_all_refused_series_are_listed(ask, tables):
    reply = ask.v1("stations", tables.panel(("south", "lake")))
    assert reply.status_code == 422
    assert [one["series"] for one in reply.json()["refused"]] == ["lake", "south"]
    assert all(one["problem"] and one["fix"] for one in reply.json()["refused"])


def test_a_row_without_its_series_is_refused(ask, tables):
    table = tables.panel()
    table.loc[3, "station"] = None
    reply = ask.v1("stations", table)
    assert reply.status_code == 400
    assert reply.json()["error"] == "reading 4 has no station: say which series it is of"


def test_units_must_be_the_models(ask, tables):
    table = tables.frame()
    assert ask.v1("river", table, units={"level": "m", "rain": "mm"}).status_code == 200
    details = refused_by_grpc(ask, "river", table, units={"level": "cm"})
    assert details == "level is given in 'cm', while the model takes 'm': convert the readings first"
    for reply in (ask.v1("river", table, units={"level": "cm"}), ask.v2("river", table, units={"level": "cm"})):
        assert (reply.status_code, reply.json()["error"]) == (400, details)
    reply = ask.v1("river", table, units={"lvel": "m"})
    assert "no column of the model: did you mean 'level'?" in reply.json()["error"]


def test_old_readings_are_refused_where_an_age_is_given(ask, tables):
    table = recent(tables, 5400)
    assert ask.v1("river", table).status_code == 200
    assert ask.v1("river", table, max_age_seconds=7200).status_code == 200
    details = refused_by_grpc(ask, "river", table, max_age_seconds=600)
    assert "the last reading of level is of" in details
    assert "while at most 600 s are accepted" in details
    assert ask.v1("river", table, max_age_seconds=600).status_code == 422
    assert ask.v2("river", table, max_age_seconds=600).status_code == 422


def test_readings_of_the_future_are_refused_where_an_age_is_given(ask, tables):
    table = recent(tables, -7200)
    assert ask.v1("river", table).status_code == 200
    reply = ask.v1("river", table, max_age_seconds=600)
    assert reply.status_code == 422
    assert "after this server's clock" in reply.json()["error"]
    assert ask.v1("river", recent(tables, 0), max_age_seconds=1200).status_code == 200


def test_readings_far_apart_are_refused_before_they_fill_memory(ask):
    times = pd.date_range("1950-01-01", periods=20_000, freq="1D").strftime("%Y-%m-%dT%H:%M:%SZ")
    table = pd.DataFrame({"time": times, "level": 1.0, "rain": 0.0, "tide": 0.0})
    reply = ask.v1("river", table)
    assert reply.status_code == 400
    assert "lie so far apart" in reply.json()["error"]
    assert "steps of each series" in reply.json()["error"]


def test_too_many_readings_are_refused(ask):
    record = {"time": "2025-01-01T00:00:00Z", "level": 1}
    reply = ask.http.post("/v1/models/river:predict", json={"instances": [record] * 200_001})
    assert reply.status_code == 413
    assert "at most 200000 readings" in reply.json()["error"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"instances": [{"time": "2025-01-01", "level": [1]}]}, "level of reading 1, got a list or an object"),
        ({"instances": [{"time": "2025-01-01"}, 3]}, "at instances[1], got no object"),
        ({"instances": [{"time": "2025-01-01"}], "parameters": []}, "expected an object for parameters"),
        ({"instances": [{"time": "2025-01-01"}], "parameters": {"member": True}}, "did you mean 'members'?"),
        ({"instances": [{"time": "2025-01-01"}], "parameters": {"members": 1}}, "true or false"),
        ({"instances": [{"time": "2025-01-01"}], "parameters": {"max_age_seconds": -1}}, "seconds from 0"),
        ({"instances": [{"time": "2025-01-01"}], "parameters": {"units": ["m"]}}, "parameters.units"),
        ({"instances": [{"time": "2025-01-01"}], "signature_name": "other"}, "other"),
        ({"instances": [{"size": 1}]}, "with the key window at instances[0], got size"),
    ],
)
def test_malformed_records(ask, body, text):
    reply = ask.http.post("/v1/models/river:predict", json=body)
    assert reply.status_code == 400
    assert text in reply.json()["error"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"datatype": "BOOL"}, "got datatype 'BOOL'"),
        ({"shape": [1, 1]}, "of shape [n]"),
        ({"shape": [0], "data": []}, "n from 1 readings"),
        ({"shape": [2]}, "a list of 2 values as data, got 1 values"),
        ({"name": "time"}, "got 'time' twice"),
        ({"name": ""}, "name of a column"),
        ({"data": [[1]]}, "got a list or an object"),
    ],
)
def test_malformed_columns(ask, change, text):
    stamps = {"name": "time", "datatype": "BYTES", "shape": [1], "data": ["2025-01-01"]}
    level = {"name": "level", "datatype": "FP32", "shape": [1], "data": [1.0], **change}
    reply = ask.http.post("/v2/models/river/infer", json={"inputs": [stamps, level]})
    assert reply.status_code == 400
    assert text in reply.json()["error"]


def test_columns_of_different_lengths(ask):
    stamps = {"name": "time", "datatype": "BYTES", "shape": [1], "data": ["2025-01-01"]}
    level = {"name": "level", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]}
    reply = ask.http.post("/v2/models/river/infer", json={"inputs": [stamps, level]})
    assert reply.status_code == 400
    assert "different numbers of readings: time 1, level 2" in reply.json()["error"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x05\x00\x00\x00abc", "each after its length"),
        (b"\x01\x00\x00\x00\xff", "as UTF-8"),
        (b"", "with 1 texts, got 0"),
    ],
)
def test_broken_texts(ask, raw, text):
    request = ask.grpc_request("river", pd.DataFrame({"time": ["2025-01-01"], "level": [1.0]}), raw=True)
    request.raw_input_contents[0] = raw
    with pytest.raises(grpc.RpcError, match=text) as caught:
        ask.stub.ModelInfer(request, timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_parameter_or_output_that_grpc_doesnt_know(ask, tables):
    assert "did you mean 'members'?" in refused_by_grpc(ask, "river", tables.frame(), menbers=True)
    request = ask.grpc_request("river", tables.frame(), raw=False)
    request.outputs.add(name="forecasts")
    with pytest.raises(grpc.RpcError, match="expected outputs among series, origin, time"):
        ask.stub.ModelInfer(request, timeout=10)
