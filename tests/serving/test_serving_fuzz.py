"""Whatever comes in over gRPC or REST, the server says what is wrong with it, lives on, and stays small."""

import random
from functools import partial
from pathlib import Path

import grpc
import httpx
import pytest
from grpc import StatusCode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import model_service_pb2, predict_pb2, prediction_service_pb2

from serving.kserve_sdk import grpc_predict_v2_pb2

INFER = "/inference.GRPCInferenceService/ModelInfer"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
TOLD = {
    StatusCode.OK,
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.UNIMPLEMENTED,
    StatusCode.RESOURCE_EXHAUSTED,
}
GROWTH_MIB = 24
many = partial(settings, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def methods(*modules) -> list[str]:
    return [
        f"/{service.full_name}/{method.name}"
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


@pytest.fixture(scope="module")
def code(server):
    """The status of one call with these bytes."""
    with (
        grpc.insecure_channel(f"localhost:{server.grpc}") as v2,
        grpc.insecure_channel(f"localhost:{server.predict}") as tfserving,
    ):

        def told(method: str, message: bytes) -> StatusCode:
            channel = v2 if method.startswith("/inference") else tfserving
            try:
                channel.unary_unary(method)(message, timeout=20)
            except grpc.RpcError as error:
                return error.code()
            return StatusCode.OK

        yield told
    assert server.process.poll() is None
    assert "Traceback" not in server.log.read_text(), server.log.read_text()


@pytest.fixture(scope="module")
def http(server):
    """Asks over REST."""
    with httpx.Client(base_url=f"http://localhost:{server.http}") as client:
        yield client


names = st.sampled_from(["river", "tidal", "", "window", "future", "level", "time", "x", "../river", "räin\0"])
sizes = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 12, 36, 4096, 4097, 2**31, 2**62, 2**63 - 1])
shapes = st.lists(sizes, max_size=5) | st.just([1, 12, 3]) | st.just([12])
floats = st.lists(st.floats(width=32), max_size=40) | st.just([0.0] * 36) | st.just([float("nan")] * 36)
contents = st.binary(max_size=200) | st.just(bytes(144)) | st.just(b"\xff" * 144)
texts = st.lists(st.binary(max_size=30) | st.just(b"2026-01-01T00:00:00Z"), max_size=12)
datatypes = st.sampled_from(["FP32", "FP64", "INT64", "BYTES", "BOOL", "", "float32", "FP16", "\u2028"])


@st.composite
def infer_requests(draw) -> bytes:
    request = grpc_predict_v2_pb2.ModelInferRequest(
        model_name=draw(names), model_version=draw(st.sampled_from(["", "1", "9", "-1", "stable", "../1"]))
    )
    for _ in range(draw(st.integers(0, 4))):
        tensor = request.inputs.add(name=draw(names), datatype=draw(datatypes), shape=draw(shapes))
        match draw(st.integers(0, 4)):
            case 0:
                tensor.contents.fp32_contents.extend(draw(floats))
            case 1:
                tensor.contents.fp64_contents.extend(draw(floats))
            case 2:
                tensor.contents.bytes_contents.extend(draw(texts))
            case 3:
                tensor.contents.int64_contents.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)))
    request.raw_input_contents.extend(draw(st.lists(contents, max_size=3)))
    for name in draw(st.lists(names | st.sampled_from(["forecast", "members"]), max_size=2)):
        request.outputs.add(name=name)
    if draw(st.booleans()):
        request.parameters["max_age_seconds"].int64_param = draw(st.integers(-(2**63), 2**63 - 1))
    if draw(st.booleans()):
        request.parameters["members"].string_param = draw(st.text(max_size=5))
    return request.SerializeToString()


@st.composite
def predict_requests(draw) -> bytes:
    request = predict_pb2.PredictRequest(output_filter=draw(st.lists(names, max_size=2)))
    request.model_spec.name = draw(names)
    request.model_spec.signature_name = draw(st.sampled_from(["", "serving_default", "x"]))
    match draw(st.integers(0, 3)):
        case 0:
            request.model_spec.version.value = draw(st.sampled_from([0, 1, -1, 2**63 - 1]))
        case 1:
            request.model_spec.version_label = draw(st.sampled_from(["", "stable", "candidate", "x"]))
    for name in draw(st.lists(names, max_size=3)):
        tensor = request.inputs[name]
        tensor.dtype = draw(st.sampled_from([0, 1, 1, 1, 2, 7, 101, 9999]))
        tensor.tensor_shape.unknown_rank = draw(st.booleans())
        for size in draw(shapes):
            tensor.tensor_shape.dim.add(size=size)
        tensor.tensor_content = draw(contents)
        tensor.float_val.extend(draw(floats))
        tensor.string_val.extend(draw(texts))
    return request.SerializeToString()


@many(max_examples=150)
@given(message=infer_requests())
def test_no_v2_request_is_a_failure_of_the_server(code, message):
    assert code(INFER, message) in TOLD


@many(max_examples=150)
@given(message=predict_requests())
def test_no_predict_request_is_a_failure_of_the_server(code, message):
    assert code(PREDICT, message) in TOLD


@many(max_examples=200)
@given(
    method=st.sampled_from(methods(grpc_predict_v2_pb2, prediction_service_pb2, model_service_pb2)),
    message=st.binary(max_size=100) | infer_requests() | predict_requests(),
)
def test_no_bytes_are_a_failure_of_the_server(code, method, message):
    assert code(method, message) in TOLD


@many(max_examples=100)
@given(message=infer_requests(), cut=st.integers(0, 400), flipped=st.integers(0, 400))
def test_no_damaged_message_is_a_failure_of_the_server(code, message, cut, flipped):
    damaged = bytearray(message)
    if damaged:
        damaged[flipped % len(damaged)] ^= 0xFF
    assert code(INFER, bytes(damaged[: len(damaged) - cut % (len(damaged) + 1)])) in TOLD


BODIES = {
    "no column": b'{"instances":[{"time":"2026-01-01"}]}',
    "year": b'{"instances":[{"time":"9999999-01-01","level":1}]}',
    "kinds": b'{"instances":[{"time":1e300,"level":{}}]}',
    "null": b'{"inputs":[{"name":"time","datatype":"BYTES","shape":[2],"data":["a",null]}]}',
    "size": b'{"inputs":[{"name":"level","datatype":"FP32","shape":[9223372036854775807],"data":[]}]}',
    "deep list": b"[" * 5000,
    "deep object": b'{"a":' * 5000,
    "deep instances": b'{"instances":' + b"[" * 900 + b"]" * 900 + b"}",
}


@many(max_examples=150)
@given(
    path=st.sampled_from(
        [
            "/v1/models/river:predict",
            "/v1/models/tidal/versions/1:predict",
            "/v2/models/river/infer",
            "/v1/timeseries/forecast",
            "/v1/models/river:explain",
        ]
    ),
    body=st.binary(max_size=200) | infer_requests() | st.sampled_from(sorted(BODIES)).map(BODIES.__getitem__),
    header=st.sampled_from([{}, {"inference-header-content-length": "3"}, {"content-type": "\xff/x"}]),
)
def test_no_body_is_a_failure_of_the_server(code, http, path, body, header):
    raw = {name: value.encode("latin-1") for name, value in header.items()}
    reply = http.post(path, content=body, headers=raw)
    assert reply.status_code < 500, reply.text
    assert "error" in reply.json() or reply.status_code == 200


@many(max_examples=60)
@given(name=st.text(min_size=1, max_size=12) | st.sampled_from(["..", "../..", "%2e%2e%2f", "..\\..", "/etc/passwd"]))
def test_no_model_name_is_a_path(code, http, name):
    """A model name is looked up among the loaded models: one that is none of them is not found, whatever it spells."""
    encoded = "".join(f"%{byte:02x}" for byte in name.encode("utf-8", "replace"))
    for path in (f"/v1/models/{encoded}", f"/v2/models/{encoded}", f"/v1/forecasts/{encoded}", f"/page/{encoded}"):
        reply = http.get(path)
        # A slash at the end leads to the list of models.
        assert reply.status_code in (307, 400, 404, 405)
        assert "root:" not in reply.text
    text = name.encode("utf-8", "replace").decode()
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name=text)
    assert code(INFER, request.SerializeToString()) is StatusCode.NOT_FOUND


def test_nothing_that_is_served_unpickles():
    for folder in ("serving", "components"):
        for file in Path(folder).rglob("*.py"):
            source = file.read_text(encoding="utf-8")
            for word in ("import pickle", "joblib", "allow_pickle=True", "dill", "cloudpickle", "eval(", "exec("):
                assert f" {word}" not in f" {source}", f"{word} in {file}"


def memory_mib(server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_what_is_refused_leaves_no_memory_behind(server, code, http):
    draw = random.Random(7)
    valid = grpc_predict_v2_pb2.ModelInferRequest(model_name="river")
    valid.inputs.add(name="window", datatype="FP32", shape=[1, 12, 3])
    valid.raw_input_contents.append(bytes(144))
    good = valid.SerializeToString()
    valid.raw_input_contents[0] = bytes(400_000)
    large = valid.SerializeToString()

    def round_of(count: int) -> None:
        for number in range(count):
            code(INFER, good)
            code(INFER, large)
            code(INFER, draw.randbytes(100))
            code(PREDICT, draw.randbytes(100))
            code("/tensorflow.serving.PredictionService/Classify", b"")
            http.post("/v1/models/river:predict", content=draw.randbytes(100_000))
            # A name that is new each time leaves no label behind.
            http.get(f"/v1/models/lake-{draw.random()}")
            http.get(f"/nowhere/{number}-{draw.random()}")

    round_of(150)
    before = memory_mib(server)
    round_of(400)
    grown = memory_mib(server) - before
    assert grown < GROWTH_MIB, f"{grown:.1f} MiB in 3,200 requests"
