"""Whatever a caller sends as raw readings, the answer is a forecast or a refusal, never a failure."""

import json

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.kserve_sdk import grpc_predict_v2_pb2

NAMES = st.sampled_from(["time", "level", "rain", "tide", "series", "station", "other", "level.1", ""])
STAMPS = st.one_of(
    st.integers(0, 40).map(lambda step: f"2025-03-01T{step // 6:02d}:{step % 6}0:00Z"),
    st.sampled_from(
        ["", "now", "1/2/2025", "2025-02-30", "9999-12-31T23:59:59Z", "0001-01-01", "2262-04-11T23:47:16Z"]
    ),
    st.integers(-(2**63), 2**64 - 1),
)
CELLS = st.one_of(
    STAMPS,
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["east", "inf", "1e400", "1,5", [], {}]),
)
RECORDS = st.fixed_dictionaries({"time": STAMPS}, optional={"level": CELLS, "rain": CELLS, "station": CELLS})
PARAMETERS = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["members", "max_age_seconds", "units", "x"]), CELLS, max_size=2),
    st.just({"units": {"level": "m"}, "members": True}),
)
MODELS = st.sampled_from(["river", "stations", "tidal"])
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RELAXED
@given(model=MODELS, body=st.builds(dict, instances=st.lists(RECORDS, min_size=1, max_size=20), parameters=PARAMETERS))
def test_records(ask, model, body):
    # Surrogates can't be encoded by the client.
    content = json.dumps(body).encode("utf-8", "replace")
    reply = ask.http.post(f"/v1/models/{model}:predict", content=content)
    assert reply.status_code in (200, 400, 413, 422), reply.text
    assert reply.status_code == 200 or reply.json()["error"]


@RELAXED
@given(data=st.data(), model=MODELS)
def test_records_near_to_usable_ones(ask, tables, data, model):
    """A cell, a key or a row of usable readings is replaced."""
    rows = tables.records(tables.panel() if model == "stations" else tables.frame())
    for _ in range(data.draw(st.integers(1, 4))):
        row = data.draw(st.integers(0, len(rows) - 1))
        rows[row] = {**rows[row], data.draw(NAMES): data.draw(CELLS)}
    reply = ask.http.post(f"/v1/models/{model}:predict", content=json.dumps({"instances": rows}).encode())
    assert reply.status_code in (200, 400, 422), reply.text


TENSORS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "datatype": st.sampled_from(["BYTES", "FP32", "FP64", "INT8", "INT64", "UINT64", "BOOL", "X"]),
        "shape": st.one_of(st.just([2]), st.lists(st.integers(-1, 3), max_size=2)),
        "data": st.lists(CELLS, max_size=3),
    }
)


@RELAXED
@given(model=MODELS, inputs=st.lists(TENSORS, min_size=1, max_size=4), parameters=PARAMETERS)
def test_columns(ask, model, inputs, parameters):
    body = {"inputs": inputs, **({} if parameters is None else {"parameters": parameters})}
    reply = ask.http.post(f"/v2/models/{model}/infer", content=json.dumps(body).encode())
    assert reply.status_code in (200, 400, 413, 422), reply.text


@RELAXED
@given(
    model=MODELS,
    names=st.lists(NAMES, min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(["BYTES", "FP32", "INT8", "UINT64", "BOOL"]), min_size=4, max_size=4),
    raw=st.lists(st.binary(max_size=24), min_size=4, max_size=4),
    size=st.integers(-1, 6),
)
def test_columns_by_grpc(ask, model, names, kinds, raw, size):
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name=model)
    for index, name in enumerate(names):
        request.inputs.add(name=name, datatype=kinds[index], shape=[size])
        request.raw_input_contents.append(raw[index])
    call = ask.stub.ModelInfer.future(request, timeout=20)
    assert call.code() in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), call.details()
