"""Wrong requests get a 4xx that says what was expected, over every protocol."""

import json

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc
from serving.server.errors import RequestError
from serving.server.signature import MAX_BATCH, Signature, TensorSpec
from serving.server.v1 import decode_v1
from serving.server.v2 import decode_v2

EXPECTED = r"expected window [n, 12, 3] float32"
WINDOW = [[0.5, 1, 2]] * 12
SIGNATURE = Signature((TensorSpec("window", (12, 3)),), (TensorSpec("forecast", (2,)),))


def edited(row: int, column: int, value) -> list:
    window = json.loads(json.dumps(WINDOW))
    window[row][column] = value
    return window


V1_BODIES = {
    "malformed": (b"{nope", "expected a JSON body"),
    "empty body": (b"", "expected a JSON body"),
    "not UTF-8": (b'{"instances": "\xff"}', "expected a JSON body"),
    "a list": ([WINDOW], 'no "instances"'),
    "no instances": ({"foo": 1}, 'no "instances"'),
    "empty": ({"instances": []}, "an empty list"),
    "null": ({"instances": None}, EXPECTED),
    "text": ({"instances": "abc"}, EXPECTED),
    "object": ({"instances": {"window": WINDOW}}, EXPECTED),
    "too short": ({"instances": [WINDOW[1:]]}, "got shape [1, 11, 3]"),
    "one window, no batch": ({"instances": WINDOW}, EXPECTED),
    "too few columns": ({"instances": [[[1, 2]] * 12]}, "got shape [1, 12, 2]"),
    "ragged": ({"instances": [WINDOW, [*WINDOW[:7], [1.0]]]}, "8 values at instances[1], where 12 are due"),
    "ragged row": ({"instances": [[*WINDOW[:11], [1.0]]]}, "1 values at instances[0][11], where 3 are due"),
    "word": ({"instances": [edited(3, 1, "wet")]}, '"wet" at instances[0][3][1]'),
    "number as text": ({"instances": [edited(3, 1, "1.5")]}, '"1.5" at instances[0][3][1]'),
    "boolean": ({"instances": [edited(0, 2, True)]}, "true at instances[0][0][2]"),
    "null reading": ({"instances": [edited(1, 1, None)]}, "null at instances[0][1][1]"),
    "bare NaN": (json.dumps({"instances": [edited(1, 1, float("nan"))]}).encode(), "NaN and Infinity"),
    "bare Infinity": (json.dumps({"instances": [edited(1, 1, float("-inf"))]}).encode(), "NaN and Infinity"),
    "beyond float32": ({"instances": [edited(1, 1, 1e39)]}, "beyond float32 at instances[0][1][1]"),
    "beyond float64": (json.dumps({"instances": [edited(1, 1, 1)]}).replace(" 1,", " 1e999,").encode(), "JSON"),
    "huge integer": ({"instances": [edited(1, 1, 10**40)]}, EXPECTED),
    "number": ({"instances": [1]}, EXPECTED),
    "wrong key": ({"instances": [{"windows": WINDOW}]}, "at instances[0], got windows"),
    "more keys": ({"instances": [{"window": WINDOW, "future": []}]}, "got window, future"),
    "mixed": ({"instances": [{"window": WINDOW}, WINDOW]}, "at instances[1]"),
    "too many": ({"instances": [WINDOW] * (MAX_BATCH + 1)}, "n from 1 to 4096, got n = 4097"),
    "signature": ({"instances": [WINDOW], "signature_name": "q"}, "not found in signature def"),
    "base64": ({"instances": [{"b64": "AAAA"}]}, EXPECTED),
    "too large to forecast": ({"instances": [[[3e38, -3e38, 3e38]] * 12]}, "no finite forecast"),
}


@pytest.mark.parametrize("case", V1_BODIES)
def test_v1(server, case):
    body, text = V1_BODIES[case]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = httpx.post(f"{server.url('v1')}/v1/models/river:predict", content=content)
    assert reply.status_code == 400
    assert text in reply.json()["error"]


def tensor(**changes):
    whole = {"name": "window", "datatype": "FP32", "shape": [1, 12, 3], "data": [0.5] * 36}
    return {key: value for key, value in {**whole, **changes}.items() if value is not ...}


V2_BODIES = {
    "malformed": (b"[1,", "expected a JSON body"),
    "no inputs": ({}, 'no list "inputs"'),
    "empty inputs": ({"inputs": []}, 'no list "inputs"'),
    "inputs no list": ({"inputs": tensor()}, 'no list "inputs"'),
    "input no object": ({"inputs": [1]}, "at inputs[0]"),
    "name": ({"inputs": [tensor(name="x")]}, "got a tensor named 'x'"),
    "no name": ({"inputs": [tensor(name=...)]}, EXPECTED),
    "datatype": ({"inputs": [tensor(datatype="INT64")]}, "as FP32, got datatype 'INT64'"),
    "no datatype": ({"inputs": [tensor(datatype=...)]}, "as FP32"),
    "shape": ({"inputs": [tensor(shape=[1, 36])]}, "got shape [1, 36]"),
    "shape no list": ({"inputs": [tensor(shape="1,12,3")]}, EXPECTED),
    "negative shape": ({"inputs": [tensor(shape=[-1, 12, 3])]}, EXPECTED),
    "fraction in shape": ({"inputs": [tensor(shape=[1.5, 12, 3])]}, EXPECTED),
    "empty batch": ({"inputs": [tensor(shape=[0, 12, 3], data=[])]}, "got n = 0"),
    "too many": ({"inputs": [tensor(shape=[4097, 12, 3])]}, "got n = 4097"),
    "length": ({"inputs": [tensor(data=[0.5] * 35)]}, "36 values for shape [1, 12, 3], got 35"),
    "no data": ({"inputs": [tensor(data=...)]}, "list of numbers as data"),
    "data no list": ({"inputs": [tensor(data="x")]}, "list of numbers as data"),
    "texts": ({"inputs": [tensor(data=["1"] * 36)]}, '"1" at data[0]'),
    "boolean": ({"inputs": [tensor(data=[0.5] * 35 + [False])]}, "false at data[35]"),
    "null": ({"inputs": [tensor(data=[None] * 36)]}, "null at data[0]"),
    "ragged": ({"inputs": [tensor(data=[[[0.5] * 3] * 12, [[0.5]]])]}, "1 values at data[1]"),
    "nested otherwise": ({"inputs": [tensor(data=[[[0.5] * 3] * 12] * 2)]}, "got data of shape [2, 12, 3]"),
    "bare NaN": (json.dumps({"inputs": [tensor(data=[float("nan")] * 36)]}).encode(), "NaN and Infinity"),
    "beyond float32": ({"inputs": [tensor(data=[1e39] * 36)]}, "beyond float32"),
    "twice": ({"inputs": [tensor(), tensor()]}, "got window twice"),
    "empty id": ({"id": "", "inputs": [tensor()]}, "expected a text that isn't empty as id"),
    "number as id": ({"id": 7, "inputs": [tensor()]}, "as id"),
    "unknown output": ({"inputs": [tensor()], "outputs": [{"name": "y"}]}, "expected outputs among forecast"),
    "outputs no list": ({"inputs": [tensor()], "outputs": "y"}, "as outputs"),
    "binary without bytes": ({"inputs": [tensor(data=..., parameters={"binary_data_size": 144})]}, "got 0 bytes"),
    "binary size no number": ({"inputs": [tensor(parameters={"binary_data_size": "x"})]}, "binary_data_size"),
    "parameters no object": ({"inputs": [tensor(parameters=[1])]}, "parameters"),
}


@pytest.mark.parametrize("case", V2_BODIES)
def test_v2(server, case):
    body, text = V2_BODIES[case]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    reply = httpx.post(f"{server.url('v2')}/v2/models/river/infer", content=content, headers=headers)
    assert reply.status_code == 400
    assert text in reply.json()["error"]


@pytest.mark.parametrize(
    ("length", "tail", "text"),
    [
        ("x", b"", "inference-header-content-length"),
        ("99999", b"", "inference-header-content-length"),
        (None, b"\0" * 140, "expected window [n, 12, 3] float32 with 144 bytes"),
        (None, b"\0" * 148, "no bytes after the tensors, got 4"),
        (None, b"\0\0\xc0\x7f" * 36, "NaN"),
    ],
)
def test_v2_binary(server, length, tail, text):
    head = json.dumps({"inputs": [tensor(data=..., parameters={"binary_data_size": 144})]}).encode()
    headers = {"inference-header-content-length": length or str(len(head))}
    reply = httpx.post(f"{server.url('v2')}/v2/models/river/infer", content=head + tail, headers=headers)
    assert reply.status_code == 400
    assert text in reply.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/models/lake:predict", 404),
        ("POST", "/v2/models/lake/infer", 404),
        ("GET", "/v1/models/lake", 404),
        ("GET", "/v2/models/lake", 404),
        ("GET", "/v2/models/lake/ready", 404),
        ("POST", "/v1/models/river/versions/9:predict", 404),
        ("POST", "/v2/models/river/versions/9/infer", 404),
        ("GET", "/v1/models/river/versions/9", 404),
        ("GET", "/v1/models/river:predict", 400),
        ("GET", "/v1/foo", 404),
        ("PUT", "/v2/models/river/infer", 405),
    ],
)
def test_unknown_places(server, method, path, status):
    body = json.dumps({"instances": [WINDOW]}) if method == "POST" else None
    reply = httpx.request(method, server.url("v1") + path, content=body)
    assert reply.status_code == status
    assert isinstance(reply.json()["error"], str)


def infer(
    raw=None, floats=None, model="river", version="", name="window", datatype="FP32", shape=(1, 12, 3), outputs=()
):
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name=model, model_version=version)
    one = request.inputs.add(name=name, datatype=datatype, shape=shape)
    if floats is not None:
        one.contents.fp32_contents.extend(floats)
    if raw is not None:
        request.raw_input_contents.extend(raw)
    for output in outputs:
        request.outputs.add(name=output)
    return request


ZEROS = bytes(144)
V2_GRPC = {
    "model": (infer([ZEROS], model="lake"), "NOT_FOUND", "served here: river, tidal"),
    "version": (infer([ZEROS], version="9"), "NOT_FOUND", "the champion is version 1"),
    "nothing": (grpc_predict_v2_pb2.ModelInferRequest(model_name="river"), "INVALID_ARGUMENT", "got no window"),
    "name": (infer([ZEROS], name="x"), "INVALID_ARGUMENT", "got a tensor named 'x'"),
    "datatype": (infer([ZEROS], datatype="FP64"), "INVALID_ARGUMENT", "as FP32, got datatype 'FP64'"),
    "no datatype": (infer([ZEROS], datatype="FLOAT"), "INVALID_ARGUMENT", EXPECTED),
    "shape": (infer([ZEROS], shape=(1, 36)), "INVALID_ARGUMENT", "got shape [1, 36]"),
    "negative shape": (infer([ZEROS], shape=(-1, 12, 3)), "INVALID_ARGUMENT", EXPECTED),
    "too many": (infer([ZEROS], shape=(4097, 12, 3)), "INVALID_ARGUMENT", "got n = 4097"),
    "length": (infer([ZEROS[4:]]), "INVALID_ARGUMENT", "144 bytes for shape [1, 12, 3], got 140 bytes"),
    "two raw": (infer([ZEROS, ZEROS]), "INVALID_ARGUMENT", "one per input, got 2"),
    "both": (infer([ZEROS], floats=[0.0] * 36), "INVALID_ARGUMENT", "got both"),
    "floats": (infer(floats=[0.0] * 35), "INVALID_ARGUMENT", "36 values for shape [1, 12, 3], got 35 values"),
    "NaN": (infer([np.full(36, np.nan, "<f4").tobytes()]), "INVALID_ARGUMENT", "NaN"),
    "NaN in floats": (infer(floats=[float("nan")] * 36), "INVALID_ARGUMENT", "NaN"),
    "output": (infer([ZEROS], outputs=["y"]), "INVALID_ARGUMENT", "expected outputs among forecast"),
}


@pytest.mark.parametrize("case", V2_GRPC)
def test_v2_grpc(server, case):
    request, code, text = V2_GRPC[case]
    with grpc.insecure_channel(f"localhost:{server.grpc}") as channel, pytest.raises(grpc.RpcError) as caught:
        grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert caught.value.code().name == code
    assert text in caught.value.details()


def asked(array=None, proto=None, model="river", name="window", signature="", version=None, label=None, outputs=()):
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version:
        request.model_spec.version.value = version
    if label:
        request.model_spec.version_label = label
    fit = np.zeros((1, 12, 3), np.float32)
    if name:
        request.inputs[name].CopyFrom(tf.make_tensor_proto(fit if array is None else array) if proto is None else proto)
    return request


def short_proto():
    proto = tf.make_tensor_proto(np.zeros((1, 12, 3), np.float32))
    proto.tensor_content = proto.tensor_content[4:]
    return proto


def unknown_rank():
    proto = tf.make_tensor_proto(np.zeros((1, 12, 3), np.float32))
    proto.tensor_shape.Clear()
    proto.tensor_shape.unknown_rank = True
    return proto


PREDICT = {
    "model": (asked(model="lake"), "NOT_FOUND", "served here: river, tidal"),
    "version": (asked(version=9), "NOT_FOUND", "Specific(river, 9)"),
    "label": (asked(label="canary"), "INVALID_ARGUMENT", "Unrecognized servable version label: canary"),
    "signature": (asked(signature="q"), "INVALID_ARGUMENT", 'Serving signature name: "q" not found'),
    "no input": (asked(name=""), "INVALID_ARGUMENT", "got no window"),
    "name": (asked(name="x"), "INVALID_ARGUMENT", "got a tensor named 'x'"),
    "dtype": (asked(np.zeros((1, 12, 3))), "INVALID_ARGUMENT", "got DT_DOUBLE"),
    "texts": (asked(np.full((1, 12, 3), "a")), "INVALID_ARGUMENT", "got DT_STRING"),
    "shape": (asked(np.zeros((12, 3), np.float32)), "INVALID_ARGUMENT", "got shape [12, 3]"),
    "no batch": (asked(np.zeros((0, 12, 3), np.float32)), "INVALID_ARGUMENT", "got n = 0"),
    "length": (asked(proto=short_proto()), "INVALID_ARGUMENT", "got 140 bytes"),
    "unknown rank": (asked(proto=unknown_rank()), "INVALID_ARGUMENT", EXPECTED),
    "NaN": (asked(np.full((1, 12, 3), np.nan, np.float32)), "INVALID_ARGUMENT", "NaN"),
    "output": (asked(outputs=["y"]), "INVALID_ARGUMENT", "expected outputs among forecast"),
}


@pytest.mark.parametrize("case", PREDICT)
def test_prediction_service(server, case):
    request, code, text = PREDICT[case]
    with grpc.insecure_channel(f"localhost:{server.predict}") as channel, pytest.raises(grpc.RpcError) as caught:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request)
    assert caught.value.code().name == code
    assert text in caught.value.details()


def test_known_columns_must_come_along(server):
    url = f"{server.url('v1')}/v1/models/tidal:predict"
    bare = httpx.post(url, json={"instances": [WINDOW]}).json()["error"]
    assert "instances must be objects" in bare
    assert "future [n, 3, 1] float32" in bare
    short = httpx.post(url, json={"instances": [{"window": WINDOW, "future": [[1.0]]}]}).json()["error"]
    assert "expected future [n, 3, 1] float32, got shape [1, 1, 1]" in short
    missing = httpx.post(f"{server.url('v2')}/v2/models/tidal/infer", json={"inputs": [tensor()]}).json()["error"]
    assert "got no future" in missing
    two = tensor(name="future", shape=[2, 3, 1], data=[0.0] * 6)
    uneven = httpx.post(f"{server.url('v2')}/v2/models/tidal/infer", json={"inputs": [tensor(), two]}).json()["error"]
    assert "window 1, future 2" in uneven


def test_mistakes_of_callers_leave_no_trace_in_the_log(server):
    httpx.post(f"{server.url('v1')}/v1/models/river:predict", content=b"{nope")
    httpx.get(f"{server.url('v2')}/v2/models/lake")
    log = server.log.read_text()
    assert "Traceback" not in log, log


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=13)
        | st.dictionaries(st.sampled_from(["instances", "inputs", "window", "data", "shape", "name", "id"]), inner)
    ),
    max_leaves=40,
)


@settings(max_examples=150, deadline=None)
@given(JSON, st.booleans())
def test_no_json_is_decoded_to_anything_but_windows_or_a_refusal(document, wrapped):
    body = json.dumps({"instances": document} if wrapped else document).encode()
    with pytest.raises(RequestError):
        decode_v1(body, SIGNATURE)
    with pytest.raises(RequestError):
        decode_v2(json.dumps({"inputs": document} if wrapped else document).encode(), None, SIGNATURE)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=36, max_size=36))
def test_what_is_decoded_is_what_was_sent(values):
    window = np.float32(values).reshape(1, 12, 3)
    v1 = decode_v1(json.dumps({"instances": window.tolist()}).encode(), SIGNATURE)
    v2 = decode_v2(json.dumps({"inputs": [tensor(data=window.ravel().tolist())]}).encode(), None, SIGNATURE)
    np.testing.assert_array_equal(v1["window"], window)
    np.testing.assert_array_equal(v2.inputs["window"], window)
