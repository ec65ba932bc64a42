"""One contract for every way in which a store is served.

Targets: the local server; the same front before TensorFlow Serving; TensorFlow Serving by itself, where it speaks the
protocol (`real` in a test's name: `tensorflow_model_server` was on PATH; `double`: the test server over the same
SavedModels); and an InferenceService, where the environment says where it is:

    SLUICE_CONTRACT_HTTP=http://host:port  SLUICE_CONTRACT_GRPC=host:port  SLUICE_CONTRACT_PREDICT=host:port
    SLUICE_CONTRACT_STORE=the store that it serves  SLUICE_CONTRACT_MODEL=a model in it
"""

import os

import grpc
import httpx
import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.clients.client import OUTPUTS, PROTOCOLS
from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc
from serving.steps.serving_check.comparison import compare

VARIABLES = [f"SLUICE_CONTRACT_{key}" for key in ("HTTP", "GRPC", "PREDICT", "STORE", "MODEL")]
UNSET = [name for name in VARIABLES if not os.environ.get(name)]
FRONTS = ("local", "tfserving-front") if UNSET else ("local", "tfserving-front", "inference-service")
ALONE = ("v1", "tfserving")
EVERYWHERE = [
    *((name, protocol) for name in FRONTS for protocol in PROTOCOLS),
    *(("tfserving-alone", protocol) for protocol in ALONE),
]
LABELLED = [(name, protocol) for name, protocol in EVERYWHERE if protocol in ALONE]
BEHIND_A_FRONT = [(name, protocol) for name, protocol in EVERYWHERE if name in FRONTS]
RAW = [(name, protocol) for name in FRONTS for protocol in ("v1", "v2", "v2-grpc")]
START = np.datetime64("2026-03-01T00:00:00")


def over(cases):
    return pytest.mark.parametrize(("target", "protocol"), cases, indirect=["target"])


def rows(inputs, count):
    return {name: array[:count] for name, array in inputs.items()}


@over(EVERYWHERE)
@pytest.mark.parametrize("batch", [1, 8])
def test_predictions_are_those_of_keras(target, protocol, batch, ask):
    inputs = rows(target.inputs, batch)
    reply = ask(protocol, inputs)
    assert (reply.kind, set(reply.outputs)) == ("ok", set(OUTPUTS))
    difference = compare(reply.outputs, target.keras(inputs), target.target_std)
    assert difference.equal, difference


@over(EVERYWHERE)
def test_the_answer_names_the_version(target, protocol, request, ask):
    if protocol == "v1" and "tfserving-alone" in request.node.callspec.id:
        pytest.skip("TensorFlow Serving's REST answers name no version")
    assert ask(protocol, rows(target.inputs, 1)).version == str(target.version)


@over(EVERYWHERE)
def test_a_version_may_be_asked_for(target, protocol, ask):
    assert ask(protocol, rows(target.inputs, 1), version=str(target.version)).kind == "ok"


@over(LABELLED)
def test_the_stable_version_may_be_asked_for(target, protocol, ask):
    assert ask(protocol, rows(target.inputs, 1), label="stable").kind == "ok"


@over(EVERYWHERE)
@pytest.mark.parametrize("whom", [{"model": "zzz"}, {"version": "977"}])
def test_what_is_not_served_is_not_found(target, protocol, whom, ask):
    reply = ask(protocol, rows(target.inputs, 1), **whom)
    assert reply.kind == "not found"
    said = "Latest(zzz)" if "model" in whom else f"Specific({target.model}, 977)"
    assert reply.text.startswith(f"Servable not found for request: {said}")


@over(LABELLED)
def test_an_unknown_label_is_refused(target, protocol, ask):
    reply = ask(protocol, rows(target.inputs, 1), label="canary")
    assert (reply.kind, reply.text[:42]) == ("bad request", "Unrecognized servable version label: canary"[:42])


@over(EVERYWHERE)
@pytest.mark.parametrize("case", ["shape", "rank", "name", "more"])
def test_inputs_that_do_not_fit_are_refused(target, protocol, case, ask):
    inputs = rows(target.inputs, 1)
    window = inputs.pop("window")
    misfit = {
        "shape": {"window": window[:, :, 1:]},
        "rank": {"window": window[0]},
        "name": {"windows": window},
        "more": {"window": window, "other": window},
    }[case]
    assert ask(protocol, {**inputs, **misfit}).kind == "bad request"


@over([case for case in EVERYWHERE if case[1] != "v1"])
def test_another_type_is_refused(target, protocol, ask):
    inputs = rows(target.inputs, 1)
    assert ask(protocol, {**inputs, "window": inputs["window"].astype(np.int32)}).kind == "bad request"


@over(BEHIND_A_FRONT)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_reading_is_refused(target, protocol, value, ask):
    inputs = rows(target.inputs, 1)
    window = inputs["window"].copy()
    window[0, -1, 0] = value
    assert ask(protocol, {**inputs, "window": window}).kind == "bad request"


@over([(name, "v1") for name in (*FRONTS, "tfserving-alone")])
@pytest.mark.parametrize("body", ["{nope", "[]", '{"foo": 1}', '{"instances": []}', '{"instances": ["a"]}', ""])
def test_bodies_that_are_no_requests_are_refused(target, protocol, body):
    reply = httpx.post(f"{target.http}/v1/models/{target.model}:predict", content=body)
    assert (reply.status_code, list(reply.json())) == (400, ["error"])


@over([(name, "v1") for name in (*FRONTS, "tfserving-alone")])
def test_status_over_v1(target, protocol):
    reply = httpx.get(f"{target.http}/v1/models/{target.model}")
    available = [one for one in reply.json()["model_version_status"] if one["state"] == "AVAILABLE"]
    ok = {"error_code": "OK", "error_message": ""}
    assert {"version": str(target.version), "state": "AVAILABLE", "status": ok} in available
    assert httpx.get(f"{target.http}/v1/models/zzz").status_code == 404
    assert httpx.get(f"{target.http}/v1/models/{target.model}:predict").status_code in (400, 405)


@over([(name, "tfserving") for name in (*FRONTS, "tfserving-alone")])
def test_status_and_signature_over_prediction_service(target, protocol):
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = target.model
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = target.model
    with grpc.insecure_channel(target.predict) as channel:
        states = (
            model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status, timeout=60).model_version_status
        )
        told = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(asked, timeout=60)
    available = get_model_status_pb2.ModelVersionStatus.State.AVAILABLE
    assert target.version in [one.version for one in states if one.state == available]
    assert (told.model_spec.name, told.model_spec.version.value) == (target.model, target.version)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    told.metadata["signature_def"].Unpack(signatures)
    assert_signature(target, MessageToDict(signatures.signature_def["serving_default"]))


def assert_signature(target, signature):
    shapes = {
        name: [int(one["size"]) for one in tensor["tensorShape"]["dim"]] for name, tensor in signature["inputs"].items()
    }
    assert shapes == {name: [-1, *array.shape[1:]] for name, array in target.inputs.items()}
    assert set(signature["outputs"]) == set(OUTPUTS)


@over([(name, "v2") for name in FRONTS])
def test_metadata_and_readiness_over_v2(target, protocol):
    told = httpx.get(f"{target.http}/v2/models/{target.model}").json()
    assert (told["name"], str(target.version) in told["versions"]) == (target.model, True)
    assert {one["name"]: one["shape"] for one in told["inputs"]} == {
        name: [-1, *array.shape[1:]] for name, array in target.inputs.items()
    }
    assert [one["name"] for one in told["outputs"]] == list(OUTPUTS)
    assert httpx.get(f"{target.http}/v2/models/{target.model}/ready").status_code == 200
    assert httpx.get(f"{target.http}/v2/models/zzz").status_code == 404


@over([(name, "v2-grpc") for name in FRONTS])
def test_metadata_and_readiness_over_v2_grpc(target, protocol):
    with grpc.insecure_channel(target.grpc) as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        told = stub.ModelMetadata(grpc_predict_v2_pb2.ModelMetadataRequest(name=target.model), timeout=60)
        ready = stub.ModelReady(grpc_predict_v2_pb2.ModelReadyRequest(name=target.model), timeout=60)
    assert (told.name, str(target.version) in told.versions, ready.ready) == (target.model, True, True)
    assert {one.name: list(one.shape) for one in told.inputs} == {
        name: [-1, *array.shape[1:]] for name, array in target.inputs.items()
    }
    assert [one.name for one in told.outputs] == list(OUTPUTS)


@over(RAW)
def test_raw_readings_are_answered_as_their_window(target, protocol, ask_raw, readings):
    dataset = target.dataset
    if set(dataset.inputs) != set(dataset.columns) or set(target.inputs) != {"window"}:
        pytest.skip("the model's windows hold more than readings")
    reply = ask_raw(protocol, readings)
    assert (reply.kind, reply.version) == ("ok", str(target.version))
    wanted = {name: array for name, array in target.keras(rows(target.inputs, 1)).items() if name in reply.outputs}
    assert {"forecast", "lower", "upper"} <= set(wanted)
    got = {name: np.float32(reply.outputs[name]) for name in wanted}
    difference = compare(got, wanted, target.target_std)
    assert difference.equal, difference
    step = np.timedelta64(int(dataset.step_seconds), "s")
    origin = START + (dataset.window - 1) * step
    assert reply.outputs["origin"].tolist() == [f"{origin}Z"]
    assert reply.outputs["time"].tolist() == [[f"{origin + horizon * step}Z" for horizon in dataset.horizons]]


@over(RAW)
def test_readings_in_any_order_are_one_answer(target, protocol, ask_raw, readings):
    turned = {name: cells[::-1] for name, cells in readings.items()}
    first, second = (ask_raw(protocol, one).outputs["forecast"] for one in (readings, turned))
    np.testing.assert_array_equal(first, second)


@over(RAW)
def test_readings_that_are_too_old_are_refused(target, protocol, ask_raw, readings):
    reply = ask_raw(protocol, readings, max_age_seconds=60)
    assert reply.kind == "bad request"
    assert "ago" in reply.text or "clock" in reply.text


@over(RAW)
def test_a_missing_column_is_named(target, protocol, ask_raw, readings):
    del readings[target.dataset.target]
    reply = ask_raw(protocol, readings)
    assert (reply.kind, target.dataset.target in reply.text) == ("bad request", True)


@over([(name, "v1") for name in FRONTS])
def test_the_forecast_api_answers_as_v1(target, protocol, ask, readings):
    dataset = target.dataset
    if dataset.horizons[0] != 1 or set(target.inputs) != {"window"} or set(dataset.inputs) != set(dataset.columns):
        pytest.skip("the model doesn't forecast the next step from readings alone")
    inputs = rows(target.inputs, 1)
    given = {
        "type": "multivariate_time_series",
        "name": "any",
        "series": inputs["window"][0].tolist(),
        "frequency": "second",
        "frequency_multiple": int(dataset.step_seconds),
        "start_timestamp": f"{START}Z",
    }
    body = {"model": target.model, "inputs": [given], "options": {"horizon": 1}}
    reply = httpx.post(f"{target.http}/v1/timeseries/forecast", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    (content,) = reply.json()["outputs"][0]["content"]
    expected = ask("v1", inputs).outputs["forecast"][0, 0]
    assert content["mean_forecast"] == pytest.approx([float(expected)], abs=1e-5 * target.target_std)


@pytest.mark.skipif(bool(UNSET), reason=f"no InferenceService is given: {', '.join(UNSET)} unset")
@over([("inference-service", "v1")])
def test_the_inference_service_is_ready(target, protocol):
    assert httpx.get(f"{target.http}/v1/models/{target.model}").status_code == 200
