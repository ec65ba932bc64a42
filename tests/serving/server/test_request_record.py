"""Each request leaves a record: in the log, in the metrics, and as an id that its caller gets back."""

import json
import time

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc


@pytest.fixture(scope="module")
def logging_server(tmp_path_factory, candidates, start_with):
    """A server that logs JSON."""
    return start_with(tmp_path_factory.mktemp("logged"), candidates, log_form="json")


def record_of(running, request_id: str) -> dict:
    """The record of a request; it is written once the answer is on its way."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        lines = [line for line in running.log.read_text().splitlines(keepends=True) if line.startswith("{")]
        records = [json.loads(line) for line in lines if line.endswith("\n")]
        found = [one for one in records if one["message"] == "request" and one["request_id"] == request_id]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no record of {request_id}")


def metric(running, name: str, **labels: str) -> float:
    text = httpx.get(f"http://localhost:{running.http}/metrics").text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def assert_becomes(wanted: float, running, name: str, **labels: str) -> None:
    until = time.monotonic() + 10
    while (value := metric(running, name, **labels)) != wanted:
        assert time.monotonic() < until, f"{name} is {value}, not {wanted}"
        time.sleep(0.05)


def ask(running, windows, **headers: str) -> httpx.Response:
    body = {"instances": windows(2).tolist()}
    return httpx.post(f"{running.url('v1')}/v1/models/river:predict", json=body, headers=headers)


def test_an_answered_request_is_logged_with_the_callers_id_trace_and_version(logging_server, windows):
    trace = "0af7651916cd43dd8448eb211c80319c"
    parent = f"00-{trace}-b7ad6b7169203331-01"
    reply = ask(logging_server, windows, **{"x-request-id": "gauge-7", "traceparent": parent})
    assert reply.headers["x-request-id"] == "gauge-7"
    record = record_of(logging_server, "gauge-7")
    expected = {"protocol": "v1", "status": "200", "model": "river", "version": 1, "windows": 2, "trace_id": trace}
    assert expected.items() <= record.items()
    assert 0 < record["seconds"] < 5


def test_a_request_without_an_id_gets_one_and_a_strange_id_is_replaced(logging_server, windows):
    given = ask(logging_server, windows).headers["x-request-id"]
    replaced = ask(logging_server, windows, **{"x-request-id": "two words"}).headers["x-request-id"]
    assert len(given) == 32
    assert replaced not in ("two words", given)


def test_a_failed_request_is_logged_and_counted_by_its_kind(logging_server):
    before = metric(logging_server, "sluice_errors_total", protocol="v1", kind="bad_request")
    url = f"{logging_server.url('v1')}/v1/models/river:predict"
    httpx.post(url, content=b"{nope", headers={"x-request-id": "broken"})
    assert_becomes(before + 1, logging_server, "sluice_errors_total", protocol="v1", kind="bad_request")
    record = record_of(logging_server, "broken")
    assert record["error"] == "bad_request"
    assert record["status"] == "400"


def test_a_grpc_call_is_recorded_as_an_http_request_is(logging_server, windows):
    before = metric(logging_server, "sluice_requests_total", protocol="v2-grpc")
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name="river")
    request.inputs.add(name="window", datatype="FP32", shape=[3, 12, 3])
    request.raw_input_contents.append(windows(3).tobytes())
    with grpc.insecure_channel(f"localhost:{logging_server.grpc}") as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        _, call = stub.ModelInfer.with_call(request, metadata=(("x-request-id", "by-grpc"),))
        unknown = grpc_predict_v2_pb2.ModelInferRequest(model_name="nothing")
        with pytest.raises(grpc.RpcError):
            stub.ModelInfer(unknown, metadata=(("x-request-id", "by-grpc-too"),))
    assert dict(call.trailing_metadata())["x-request-id"] == "by-grpc"
    assert_becomes(before + 1, logging_server, "sluice_requests_total", protocol="v2-grpc")
    assert {"status": "OK", "windows": 3}.items() <= record_of(logging_server, "by-grpc").items()
    unknown_record = record_of(logging_server, "by-grpc-too")
    assert {"status": "NOT_FOUND", "error": "not_found"}.items() <= unknown_record.items()


def test_latency_is_a_histogram_per_model_and_protocol(logging_server, windows):
    before = metric(logging_server, "sluice_request_seconds_count", model="river", protocol="v1")
    ask(logging_server, windows)
    assert_becomes(before + 1, logging_server, "sluice_request_seconds_count", model="river", protocol="v1")
    assert metric(logging_server, "sluice_windows_total", model="river") >= 2


def test_readings_that_cannot_be_used_are_a_kind_of_their_own_over_grpc_too(logging_server):
    before = metric(logging_server, "sluice_errors_total", protocol="v2-grpc", kind="unusable_readings")
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name="river")
    stamp = request.inputs.add(name="time", datatype="BYTES", shape=[1])
    stamp.contents.bytes_contents.append(b"2026-01-01T00:00:00Z")
    for name in ("level", "rain", "tide"):
        request.inputs.add(name=name, datatype="FP64", shape=[1]).contents.fp64_contents.append(1.0)
    with grpc.insecure_channel(f"localhost:{logging_server.grpc}") as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="no series can be forecast"):
            stub.ModelInfer(request)
    assert_becomes(before + 1, logging_server, "sluice_errors_total", protocol="v2-grpc", kind="unusable_readings")
