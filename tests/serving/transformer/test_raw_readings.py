"""Raw readings by V1 REST, V2 REST and V2 gRPC: one answer, and that of `sluice predict` on the same readings."""

import json

import httpx
import numpy as np
import pytest

from serving.predict import PredictRequest, predict

FLOATS = ("forecast", "lower", "upper", "last_value", "spike_probability")


def tensors_of(reply):
    """Output tensors of a V2 answer, REST or gRPC, by name."""
    if isinstance(reply, httpx.Response):
        assert reply.status_code == 200, reply.text
        return {one["name"]: np.reshape(one["data"], one["shape"]) for one in reply.json()["outputs"]}
    arrays = {}
    for index, one in enumerate(reply.outputs):
        raw = reply.raw_output_contents[index] if reply.raw_output_contents else None
        if one.datatype == "BYTES":
            texts = list(one.contents.bytes_contents) if raw is None else unpacked(raw)
            arrays[one.name] = np.reshape([text.decode() for text in texts], list(one.shape))
        else:
            values = np.array(one.contents.fp32_contents) if raw is None else np.frombuffer(raw, "<f4")
            arrays[one.name] = values.reshape(list(one.shape))
    return arrays


def unpacked(raw):
    texts, at = [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        texts.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    return texts


@pytest.fixture
def predicted(raw_server, tmp_path):
    """`sluice predict` of a table, from the store."""

    def run(model, table):
        path = tmp_path / "readings.csv"
        table.to_csv(path, index=False)
        return predict(PredictRequest(str(path), model=model, store=raw_server.store.root))

    return run


def check_equal(prediction, expected):
    rows = expected.rows
    assert prediction["series"] == expected.series
    assert prediction["origin"] == expected.origin
    assert prediction["times"] == [row.time for row in rows]
    assert prediction["horizons"] == [row.horizon for row in rows]
    for name in ("forecast", "lower", "upper"):
        assert prediction[name] == pytest.approx([getattr(row, name) for row in rows], abs=1e-6)
    assert prediction["last_value"] == pytest.approx(expected.last_value, abs=1e-6)
    assert prediction["spike_probability"] == pytest.approx(expected.spike_probability, abs=1e-6)


def test_records_are_answered_as_the_command_line_answers_the_file(ask, tables, predicted):
    table = tables.frame()
    reply = ask.v1("river", table, members=True)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["model_version"], answer["refused"], answer["notes"]) == ("1", [], [])
    assert reply.headers["x-model-version"] == "1"
    (expected,) = predicted("river", table).forecasts
    (prediction,) = answer["predictions"]
    check_equal(prediction, expected)
    assert prediction["model_version"] == "1"
    for name in ("first", "second"):
        assert prediction["members"][name] == pytest.approx([row.members[name] for row in expected.rows], abs=1e-6)
        assert prediction["weights"][name] == pytest.approx([row.weights[name] for row in expected.rows], abs=1e-6)


def test_members_are_told_only_when_asked_for(ask, tables):
    assert "members" not in ask.v1("river", tables.frame()).json()["predictions"][0]
    assert "members" not in tensors_of(ask.v2("river", tables.frame()))
    assert "weights" in tensors_of(ask.v2("river", tables.frame(), members=True))


@pytest.mark.parametrize("model", ["river", "stations", "tidal"])
def test_all_protocols_agree(ask, predicted, tables, model):
    table = tables.panel() if model == "stations" else tables.frame()
    if model == "tidal":
        table.loc[37:, ["level", "rain"]] = np.nan
    first = ask.v1(model, table, members=True)
    assert first.status_code == 200, first.text
    predictions = first.json()["predictions"]
    for prediction, expected in zip(predictions, predicted(model, table).forecasts, strict=True):
        check_equal(prediction, expected)
    replies = (
        ask.v2(model, table, members=True),
        ask.v2_grpc(model, table, members=True),
        ask.v2_grpc(model, table, raw=True, members=True),
    )
    for reply in replies:
        tensors = tensors_of(reply)
        assert tensors["series"].tolist() == [one["series"] for one in predictions]
        assert tensors["origin"].tolist() == [one["origin"] for one in predictions]
        assert tensors["time"].tolist() == [one["times"] for one in predictions]
        for name in FLOATS:
            np.testing.assert_allclose(tensors[name], [one[name] for one in predictions], atol=1e-6)
        for name in ("members", "weights"):
            stacked = [[one[name][member] for member in ("first", "second")] for one in predictions]
            np.testing.assert_allclose(tensors[name], stacked, atol=1e-6)


def test_v2_names_version_and_members(ask, tables):
    rest = ask.v2("river", tables.frame()).json()
    assert (rest["model_name"], rest["model_version"]) == ("river", "1")
    assert json.loads(rest["parameters"]["members"]) == ["first", "second"]
    assert json.loads(rest["parameters"]["horizons"]) == [1, 3]
    answer = ask.v2_grpc("river", tables.frame())
    assert answer.model_version == "1"
    assert {key: one.string_param for key, one in answer.parameters.items()} == rest["parameters"]


def test_v2_gives_the_outputs_that_are_named(ask, tables):
    request = ask.grpc_request("river", tables.frame(), raw=False)
    for name in ("forecast", "members"):
        request.outputs.add(name=name)
    answer = ask.stub.ModelInfer(request, timeout=30)
    assert [one.name for one in answer.outputs] == ["forecast", "members"]
    assert list(answer.outputs[1].shape) == [1, 2, 2]


def test_v2_rest_takes_and_gives_binary_tensors(ask, tables):
    table = tables.frame()
    texts = b"".join(len(text).to_bytes(4, "little") + text.encode() for text in table["time"])
    tails = [texts, *(table[name].to_numpy("<f4").tobytes() for name in ("level", "rain", "tide"))]
    inputs = [
        {"name": name, "datatype": kind, "shape": [40], "parameters": {"binary_data_size": len(tail)}}
        for name, kind, tail in zip(table.columns, ("BYTES", "FP32", "FP32", "FP32"), tails, strict=True)
    ]
    document = {"inputs": inputs, "outputs": [{"name": "time", "parameters": {"binary_data": True}}]}
    head = json.dumps(document).encode()
    headers = {"inference-header-content-length": str(len(head))}
    reply = ask.http.post("/v2/models/river/infer", content=b"".join([head, *tails]), headers=headers)
    assert reply.status_code == 200, reply.text
    split = int(reply.headers["inference-header-content-length"])
    assert unpacked(reply.content[split:]) == [b"2025-03-01T06:40:00Z", b"2025-03-01T07:00:00Z"]


def test_a_version_or_a_label_can_be_asked(ask, tables):
    body = {"instances": tables.records(tables.frame())}
    for path in ("/v1/models/river/versions/1:predict", "/v1/models/river/labels/stable:predict"):
        assert ask.http.post(path, json=body).json()["model_version"] == "1"
    assert ask.http.post("/v1/models/river/versions/9:predict", json=body).status_code == 404


def test_windows_and_readings_agree(ask, tables):
    table = tables.frame()
    window = table[["level", "rain", "tide"]].tail(12).to_numpy().tolist()
    by_window = ask.http.post("/v1/models/river:predict", json={"instances": [window]}).json()["predictions"][0]
    by_readings = ask.v1("river", table).json()["predictions"][0]
    for name in ("forecast", "lower", "upper", "spike_probability"):
        assert by_readings[name] == pytest.approx(by_window[name], abs=1e-6)


def test_series_that_cant_be_forecast_are_listed_beside_the_others(ask, tables):
    table = tables.panel(("east", "north", "south"))
    short = table[~((table["station"] == "north") & (table.index % 40 > 6))]
    answer = ask.v1("stations", short).json()
    assert [one["series"] for one in answer["predictions"]] == ["east"]
    refused = {one["series"]: one for one in answer["refused"]}
    assert set(refused) == {"north", "south"}
    assert "7 rows" in refused["north"]["problem"]
    assert refused["south"]["problem"] == "the model knows no such series"
    assert refused["south"]["fix"] == "did you mean 'north'?"


def test_local_times_numbers_of_seconds_and_times_with_an_offset_are_the_same(ask, tables):
    table = tables.frame()
    stamps = np.array([np.datetime64(text[:-1]) for text in table["time"]])
    seoul = [f"{np.datetime_as_string(stamp + np.timedelta64(9, 'h'), unit='s')}+09:00" for stamp in stamps]
    spellings = (
        table.assign(time=stamps.astype("datetime64[s]").astype(np.int64)),
        table.assign(time=seoul),
        table.assign(time=[text[:-1] for text in table["time"]]),
    )
    wanted = ask.v1("river", table).json()["predictions"]
    for spelling in spellings:
        assert ask.v1("river", spelling).json()["predictions"] == wanted


def test_what_is_set_aside_is_noted(ask, tables):
    table = tables.frame().astype({"level": object})
    table.loc[3, "level"] = "broken"
    table.loc[5, "level"] = 9.5
    table = table.assign(operator="Kim")
    answer = ask.v1("river", table).json()
    notes = " | ".join(answer["notes"])
    assert "not used by the model: operator" in notes
    assert "1 x level emptied (reading 4): no number" in notes
    assert "1 x level emptied (reading 6): above the highest possible value 6" in notes


def test_a_float32_at_the_limit_is_kept(ask, tables):
    table = tables.frame()
    table.loc[38, "level"] = 6.0
    assert json.loads(ask.v2_grpc("river", table).parameters["notes"].string_param) == []


def test_metrics_tell_the_newest_forecast(ask, tables):
    ask.v1("river", tables.frame())
    text = ask.http.get("/metrics").text
    assert 'sluice_forecast{horizon="3",model="river",series="river"}' in text
