"""Flags, ports and the faces beside prediction: monitoring, health, limits, the end."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import predict_pb2

_UNUSABLE = [
    (["--port=8500", "--model_base_path=/nowhere", "--batching_parameters_file=x"], "without setting server_options"),
    (["--port=8500"], "model_config_file are empty!"),
    (["--port=0", "--model_base_path=/nowhere"], "must be set."),
    (["--port=some"], "Couldn't interpret value"),
    (["--file_system_poll_wait_seconds=0.5"], "Couldn't interpret value"),
]


def ran(binary, arguments):
    return subprocess.run([str(binary), *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("arguments", "problem"), _UNUSABLE)
def test_a_command_line_that_makes_no_sense_ends_with_an_error(model_server_binary, arguments, problem):
    ended = ran(model_server_binary, arguments)
    assert ended.returncode != 0
    assert problem in ended.stdout + ended.stderr


@pytest.mark.parametrize("argument", ["--model_nam=river", "--port", "--model-name=river", "river"])
def test_an_unknown_flag_is_named(model_server_binary, argument):
    # The real server names it and goes on with what it knows; the double ends, so that no flag of ours is a wrong one.
    try:
        said = ran(model_server_binary, [argument]).stdout
    except subprocess.TimeoutExpired as going_on:
        said = (going_on.stdout or b"").decode()
    assert f"unknown argument: {argument}" in said


@pytest.fixture(scope="module")
def server(launch, publish, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    publish(root, "rows-1")
    monitoring = root / "monitoring.config"
    monitoring.write_text('prometheus_config { enable: true, path: "/metrics/of/it" }')
    server = launch(
        model_name="rows",
        model_base_path=root / "rows",
        monitoring_config_file=monitoring,
        enable_grpc_healthcheck_service="true",
        grpc_max_threads=4,
        grpc_socket_path=root / "socket",
        rest_api_timeout_in_ms=5000,
    )
    server.wait(server.listens)
    yield server, root
    assert server.stop() < 4


def test_requests_are_counted_under_the_monitoring_path(server, rows_request):
    server, _ = server
    server.predictions.Predict(rows_request())
    assert httpx.get(server.url("/monitoring/prometheus/metrics")).status_code == 404
    page = httpx.get(server.url("/metrics/of/it"))
    assert page.headers["content-type"] == "text/plain"
    assert ':tensorflow:serving:request_count{model_name="rows",status="OK"}' in page.text
    assert ":tensorflow:serving:request_latency_bucket{" in page.text


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_health_is_serving(server, service):
    server, _ = server
    assert health(server.channel, service) == 1


def test_health_of_an_unknown_service_is_not_found(server):
    server, _ = server
    with pytest.raises(grpc.RpcError) as caught:
        health(server.channel, "tensorflow.serving.PredictionService")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def health(channel, service):
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=wrappers_pb2.StringValue.SerializeToString,
        response_deserializer=wrappers_pb2.Int32Value.FromString,
    )
    return check(wrappers_pb2.StringValue(value=service)).value


def test_it_listens_on_a_unix_socket_too(server, rows_request):
    _, root = server
    with grpc.insecure_channel(f"unix:{root / 'socket'}") as channel:
        ask = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        assert ask(rows_request(3), timeout=20).outputs["rows"].int_val[0] == 3


def test_messages_have_no_limit(server):
    server, _ = server
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "rows"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones((2_000_000, 1), np.float32)))
    assert request.ByteSize() > 4_000_000
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"localhost:{server.port}", options=options) as channel:
        ask = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        assert len(ask(request, timeout=60).outputs["y"].float_val) == 2_000_000


def test_more_than_the_grpc_threads_can_take_is_refused(server, rows_request):
    server, _ = server
    request = rows_request(200_000)

    def ask(_):
        try:
            return bool(server.predictions.Predict(request, timeout=60))
        except grpc.RpcError as error:
            return error.code().name, error.details()

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(ask, range(256)))
    assert set(answers) == {True, ("RESOURCE_EXHAUSTED", "Server Threadpool Exhausted")}


def test_outputs_are_filtered_and_a_strange_one_refused(server, rows_request):
    server, _ = server
    reply = server.predictions.Predict(rows_request(2, outputs=("y",)))
    assert (list(reply.outputs), list(reply.outputs["y"].float_val)) == (["y"], [1.0, 1.0])
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("rows", 1)
    assert reply.model_spec.signature_name == "serving_default"
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(rows_request(outputs=("z",)))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details().startswith("output tensor alias not found in signature: z Outputs expected")


@pytest.mark.parametrize(("path", "status"), [("/", 404), ("/v2/health/ready", 404), ("/v1/models", 400)])
def test_other_paths(server, path, status):
    server, _ = server
    assert httpx.get(server.url(path)).status_code == status


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ('{"inputs": {"x": [[1], [2]]}}', 200, ""),
        ('{"instances": [{"x": [1]}, {"x": [2]}]}', 200, ""),
        ('{"inputs": [[1]], "instances": [[1]]}', 400, "expecting only one of"),
        ('{"instances": [{"z": [1]}]}', 400, "JSON object: does not have named input: z"),
        ('{"inputs": {"z": [1]}}', 400, "Missing named input: x in 'inputs' object."),
        ('{"instances": 1}', 400, "Expecting 'instances' to be an list/array"),
        ('{"instances": [[true]]}', 400, "Type: True is not of expected type: float"),
        ('{"instances": [[null]]}', 400, "Type: Null is not of expected type: float"),
        ("[1]", 400, "Is not object"),
        ("", 400, "The document is empty"),
        ('{"instances": [[1, 2', 400, "Missing a comma or ] after an array element."),
        ('{"instances": [[Infinity]]}', 200, ""),
    ],
)
def test_bodies(server, body, status, error):
    server, _ = server
    reply = httpx.post(server.url("/v1/models/rows:predict"), content=body)
    assert reply.status_code == status
    assert error in reply.json().get("error", "")
