"""The model server answers what TensorFlow Serving 2.20 answered to the same requests.

Two recordings aren't replayed, `feat:regress` and `feat:classify`: nothing here classifies or regresses.
"""

import json
import re

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

_COUNT = 34
_NUMBER = re.compile(r"-?\d+\.\d+(e[-+]?\d+)?")
# Keras numbers layers in the order in which a process makes them.
_LAYER_NUMBER = re.compile(r"\b(?P<layer>sequential|lstm)_\d+")


@pytest.fixture(scope="module")
def replayed(launch, publish, config_text, recordings, tmp_path_factory):
    """What the model server answers to each recorded request, in their order; the second versions come midway."""
    root = tmp_path_factory.mktemp("models")
    for key in ("lstm-1", "xla-1", "feat-1"):
        publish(root, key)
    file = root / "models.config"
    file.write_text(config_text(root, lstm={}, xla={"policy": "all {}"}, feat={}))
    server = launch(model_config_file=file, xla_cpu_compilation_enabled="true")
    server.wait(server.listens)
    answers, swapped = [], False
    for recorded in recordings:
        if not swapped and '"version": "2"' in recorded.get("response", ""):
            for key in ("lstm-2", "xla-2"):
                publish(root, key)
            server.wait(lambda: server.states("lstm") == {1: "END", 2: "AVAILABLE"} and len(server.states("xla")) == 2)
            server.wait(lambda: server.states("xla")[2] == "AVAILABLE")
            swapped = True
        answers.append(
            asked_by_grpc(server, recorded["case"]) if "grpc" in recorded else asked_by_rest(server, recorded)
        )
    yield answers
    assert server.stop() < 4


def asked_by_rest(server, recorded):
    body = recorded["request"]
    return httpx.request(
        recorded["method"], server.url(recorded["path"]), content=body, headers={"connection": "close"}, timeout=60
    )


def asked_by_grpc(server, case):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "zzz" if case == "err model" else "lstm"
    if case == "err version":
        request.model_spec.version.value = 7
    array = {"err shape": np.zeros(3, np.float32), "err dtype": np.zeros((1, 12, 3), np.int32)}.get(
        case, np.zeros((1, 12, 3), np.float32)
    )
    request.inputs["zzz" if case == "err input" else "window"].CopyFrom(tf.make_tensor_proto(array))
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(request)
    return caught.value


@pytest.mark.parametrize("index", range(_COUNT))
def test_the_answer_is_the_recorded_one(recordings, replayed, index):
    recorded, got = recordings[index], replayed[index]
    if "grpc" in recorded:
        assert got.code().name == recorded["code"]
        assert _LAYER_NUMBER.sub(r"\g<layer>", got.details()) == _LAYER_NUMBER.sub(r"\g<layer>", recorded["details"])
        return
    if recorded["path"].endswith((":regress", ":classify")):
        pytest.skip("nothing here classifies or regresses")
    assert (got.status_code, got.headers["content-type"]) == (recorded["status"], recorded["content_type"])
    assert_same_text(recorded, got.text)


def assert_same_text(recorded, text):
    expected, got = json.loads(recorded["response"]), json.loads(text)
    if "error" in expected:
        assert {"error": _LAYER_NUMBER.sub(r"\g<layer>", got["error"])} == {
            "error": _LAYER_NUMBER.sub(r"\g<layer>", expected["error"])
        }
        assert without_names(text) == without_names(recorded["response"])
        return
    if "lstm" in recorded["path"] and ":predict" in recorded["path"]:
        # The recorded weights aren't known: the same layout, of other numbers.
        assert _NUMBER.sub("0.0", text) == _NUMBER.sub("0.0", recorded["response"])
        return
    np.testing.assert_equal(without_layer_numbers(got), without_layer_numbers(expected))
    assert sorted(without_names(text).splitlines()) == sorted(without_names(recorded["response"]).splitlines())


def without_names(text):
    # Order of keys isn't fixed, so neither is which line ends with a comma.
    return re.sub(r",$", "", _LAYER_NUMBER.sub(r"\g<layer>", text), flags=re.MULTILINE)


def without_layer_numbers(value):
    return json.loads(_LAYER_NUMBER.sub(r"\g<layer>", json.dumps(value)))


def test_there_are_as_many_recordings_as_are_replayed(recordings):
    assert len(recordings) == _COUNT
