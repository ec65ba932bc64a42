"""Every protocol gives the answer of the SavedModel itself."""

import json
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from components.errors import InputError
from serving.clients.client import OUTPUTS, PROTOCOLS, Address
from serving.clients.connect import connect
from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "tfserving" / "recordings.json"


def direct(folder, **inputs):
    call = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return {name: tensor.numpy() for name, tensor in call(**{k: tf.constant(v) for k, v in inputs.items()}).items()}


def assert_equal(answer, expected):
    for name in OUTPUTS:
        np.testing.assert_allclose(getattr(answer, name), expected[name], rtol=0, atol=5e-6, err_msg=name)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("batch", [1, 5, 300])
def test_answers_equal_the_saved_model(server, windows, protocol, batch):
    window = windows(batch)
    expected = direct(server.store.path("river", 1), window=window)
    with connect(Address(server.url(protocol), "river"), protocol) as client:
        answer = client.predict(window)
    assert_equal(answer, expected)
    assert answer.version == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_known_columns_go_in_as_future(server, windows, futures, protocol):
    window, future = windows(4), futures(4)
    expected = direct(server.store.path("tidal", 1), window=window, future=future)
    with connect(Address(server.url(protocol), "tidal"), protocol) as client:
        assert_equal(client.predict(window, future), expected)


def test_v1_takes_windows_as_objects_and_any_content_type(server, windows):
    window = windows(2)
    url = f"{server.url('v1')}/v1/models/river:predict"
    bare = httpx.post(url, json={"instances": window.tolist()}).json()
    named = httpx.post(
        url,
        content=json.dumps({"instances": [{"window": one} for one in window.tolist()]}),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert named.json() == bare
    assert named.headers["x-model-version"] == "1"
    assert set(bare["predictions"][0]) == set(OUTPUTS)
    assert bare["model_version"] == "1"
    assert isinstance(bare["predictions"][0]["spike_probability"], float)


@pytest.mark.parametrize("path", ["/v1/models/river/versions/1:predict", "/v1/models/river:predict"])
def test_v1_answers_by_version(server, windows, path):
    reply = httpx.post(server.url("v1") + path, json={"instances": windows(1).tolist(), "signature_name": ""})
    assert reply.status_code == 200


def v2_body(window, **more):
    tensor = {"name": "window", "datatype": "FP32", "shape": list(window.shape), "data": window.ravel().tolist()}
    return {"inputs": [tensor], **more}


def test_v2_echoes_the_id_names_the_version_and_gives_the_outputs_asked_for(server, windows):
    body = v2_body(windows(2), id="a-7", outputs=[{"name": "upper"}, {"name": "forecast"}])
    reply = httpx.post(f"{server.url('v2')}/v2/models/river/infer", json=body).json()
    assert (reply["id"], reply["model_name"], reply["model_version"]) == ("a-7", "river", "1")
    assert [(output["name"], output["shape"]) for output in reply["outputs"]] == [
        ("upper", [2, 2]),
        ("forecast", [2, 2]),
    ]


def test_v2_takes_nested_data(server, windows):
    window = windows(2)
    nested = v2_body(window)
    nested["inputs"][0]["data"] = window.tolist()
    url = f"{server.url('v2')}/v2/models/river/infer"
    flat, deep = (httpx.post(url, json=body).json()["outputs"] for body in (v2_body(window), nested))
    assert flat == deep


def test_v2_binary_tensors_both_ways(server, windows):
    window = windows(2)
    tensor = {"name": "window", "datatype": "FP32", "shape": [2, 12, 3], "parameters": {"binary_data_size": 288}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}
    url = f"{server.url('v2')}/v2/models/river/infer"
    reply = httpx.post(url, content=head + window.tobytes(), headers=headers)
    length = int(reply.headers["inference-header-content-length"])
    first = json.loads(reply.content[:length])["outputs"][0]
    size = first["parameters"]["binary_data_size"]
    forecast = np.frombuffer(reply.content[length : length + size], "<f4").reshape(first["shape"])
    expected = httpx.post(url, json=v2_body(window)).json()["outputs"][0]["data"]
    np.testing.assert_array_equal(forecast.ravel(), np.float32(expected))


def test_v2_grpc_takes_typed_contents_and_answers_in_kind(server, windows):
    window = windows(2)
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name="river", id="q")
    request.inputs.add(name="window", datatype="FP32", shape=window.shape).contents.fp32_contents.extend(window.ravel())
    with grpc.insecure_channel(f"localhost:{server.grpc}") as channel:
        reply = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    expected = direct(server.store.path("river", 1), window=window)
    assert (reply.id, reply.model_version, not reply.raw_output_contents) == ("q", "1", True)
    np.testing.assert_allclose(reply.outputs[0].contents.fp32_contents, expected["forecast"].ravel(), atol=5e-6)


def test_metadata_of_v2_names_tensors_and_version(server):
    reply = httpx.get(f"{server.url('v2')}/v2/models/tidal").json()
    assert reply["versions"] == ["1"]
    assert [(tensor["name"], tensor["shape"]) for tensor in reply["inputs"]] == [
        ("window", [-1, 12, 3]),
        ("future", [-1, 3, 1]),
    ]
    assert [tensor["name"] for tensor in reply["outputs"]] == list(OUTPUTS)


def test_health_and_metrics(server, windows):
    with connect(Address(server.url("tfserving"), "river"), "tfserving") as client:
        client.predict(windows(1))
    base = server.url("v1")
    assert httpx.get(f"{base}/v2/health/ready").json() == {"ready": True}
    assert httpx.get(f"{base}/v2/models/river/ready").json()["ready"] is True
    metrics = httpx.get(f"{base}/metrics").text
    assert 'request_predict_seconds_count{model_name="river"}' in metrics


def test_callers_cannot_unload_a_model(server):
    reply = httpx.post(f"{server.url('v2')}/v2/repository/models/river/unload")
    assert reply.status_code == 400
    assert httpx.get(f"{server.url('v2')}/v2/models/river/ready").status_code == 200


def recorded():
    if not RECORDINGS.exists():
        pytest.skip("the answers recorded from TensorFlow Serving are not here")
    return json.loads(RECORDINGS.read_text())


def keys(value):
    if isinstance(value, dict):
        return {name: keys(item) for name, item in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else type(value).__name__


def test_model_status_and_errors_have_the_shape_that_tensorflow_serving_gives(server, windows):
    told = {(entry.get("path"), entry.get("request")): entry for entry in recorded()}
    status = json.loads(told["/v1/models/lstm", None]["response"])
    ours = httpx.get(f"{server.url('v1')}/v1/models/river").json()
    assert keys(ours["model_version_status"]) == keys(status["model_version_status"])
    for path, body, like in [
        ("/v1/models/zzz:predict", {"instances": [1]}, ("/v1/models/zzz:predict", '{"instances": [1]}')),
        ("/v1/models/river:predict", {"foo": 1}, ("/v1/models/lstm:predict", '{"foo": 1}')),
        ("/v1/models/river:predict", {"instances": [[1, 2]]}, ("/v1/models/lstm:predict", '{"instances": [[1, 2]]}')),
        ("/v1/models/river:predict", {"instances": ["a"]}, ("/v1/models/lstm:predict", '{"instances": ["a"]}')),
    ]:
        reply = httpx.post(server.url("v1") + path, json=body)
        assert reply.status_code == told[like]["status"]
        assert keys(reply.json()) == keys(json.loads(told[like]["response"]))


def test_prediction_service_codes_are_those_that_tensorflow_serving_gives(server, windows):
    told = {entry["case"]: entry["code"] for entry in recorded() if "grpc" in entry}

    def asked(name="river", version=None, key="window", array=None):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        if version:
            request.model_spec.version.value = version
        request.inputs[key].CopyFrom(tf.make_tensor_proto(windows(1) if array is None else array))
        return request

    cases = {
        "err model": asked(name="zzz"),
        "err input": asked(key="zzz"),
        "err shape": asked(array=np.zeros((1, 2), np.float32)),
        "err dtype": asked(array=np.zeros((1, 12, 3), np.int32)),
        "err version": asked(version=7),
    }
    with grpc.insecure_channel(f"localhost:{server.predict}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for case, request in cases.items():
            with pytest.raises(grpc.RpcError) as caught:
                stub.Predict(request)
            assert caught.value.code().name == told[case], case


def test_prediction_service_metadata_status_and_filter(server, windows):
    with grpc.insecure_channel(f"localhost:{server.predict}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        asked.model_spec.name = "river"
        told = stub.GetModelMetadata(asked)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        told.metadata["signature_def"].Unpack(signatures)
        serving = MessageToDict(signatures.signature_def["serving_default"])
        assert [dim["size"] for dim in serving["inputs"]["window"]["tensorShape"]["dim"]] == ["-1", "12", "3"]
        assert set(serving["outputs"]) == set(OUTPUTS)
        assert told.model_spec.version.value == 1
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "river"
        state = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status).model_version_status[0]
        assert (state.version, state.state) == (1, get_model_status_pb2.ModelVersionStatus.State.AVAILABLE)
        request = predict_pb2.PredictRequest(output_filter=["lower"])
        request.model_spec.name = "river"
        request.inputs["window"].CopyFrom(tf.make_tensor_proto(windows(3)))
        reply = stub.Predict(request)
        assert list(reply.outputs) == ["lower"]
        assert len(reply.outputs["lower"].float_val) == 6


@pytest.mark.parametrize("protocol", PROTOCOLS)
class TestClientErrors:
    def test_no_server(self, protocol, windows):
        url = f"{'http' if protocol in ('v1', 'v2') else 'grpc'}://localhost:9"
        with connect(Address(url, "river"), protocol) as client, pytest.raises(InputError, match="no server answers"):
            client.predict(windows(1))

    def test_unknown_model(self, server, protocol, windows):
        with (
            connect(Address(server.url(protocol), "lake"), protocol) as client,
            pytest.raises(InputError, match=r"model lake: .*served here: river, tidal"),
        ):
            client.predict(windows(1))

    def test_wrong_window(self, server, protocol, windows):
        with (
            connect(Address(server.url(protocol), "river"), protocol) as client,
            pytest.raises(InputError, match=r"expected window \[n, 12, 3\] float32"),
        ):
            client.predict(windows(1)[:, 1:])

    def test_too_slow(self, server, protocol, windows):
        address = Address(server.url(protocol), "river", timeout_seconds=0.0005)
        with connect(address, protocol) as client, pytest.raises(InputError, match="no answer within"):
            client.predict(windows(4000))


@pytest.mark.parametrize(
    ("url", "protocol", "problem"),
    [
        ("localhost:8080", None, "is no address"),
        ("ftp://localhost", "v1", "is no address"),
        ("http://localhost:1", "v3", "is no protocol"),
        ("http://localhost:1", "v2-grpc", "isn't spoken over http"),
        ("grpc://localhost:1", "v1", "isn't spoken over grpc"),
    ],
)
def test_addresses_that_do_not_go_together(url, protocol, problem):
    with pytest.raises(InputError, match=problem):
        connect(Address(url, "river"), protocol)
