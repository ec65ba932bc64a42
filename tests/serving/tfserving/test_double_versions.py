"""Versions are loaded, swapped, labelled and refused as TensorFlow Serving does it."""

import json
import shutil
import threading

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, predict_pb2, prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

BOTH = {"policy": "specific { versions: 1 versions: 2 }"}
FIRST, SECOND = {"policy": "specific { versions: 1 }"}, {"policy": "specific { versions: 2 }"}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "models"


@pytest.fixture(scope="module")
def labelled(launch, publish, config_text, tmp_path_factory):
    """A server of `rows` that follows its config file each second, and a function that writes that file."""
    root = tmp_path_factory.mktemp("labelled")
    for key in ("rows-1", "rows-2"):
        publish(root, key)
    file = root / "models.config"

    def write(**rows):
        aside = root / "aside"
        aside.write_text(config_text(root, rows=rows))
        aside.replace(file)

    write(**FIRST)
    server = launch(model_config_file=file, model_config_file_poll_wait_seconds=1)
    server.wait(lambda: server.states("rows") == {1: "AVAILABLE"})
    return server, write, root


def asked_version(server, request):
    return server.predictions.Predict(request, timeout=20).model_spec.version.value


def refusal(server, request):
    with pytest.raises(grpc.RpcError) as caught:
        server.predictions.Predict(request, timeout=20)
    return caught.value.code().name, caught.value.details()


def test_a_label_moves_in_three_writes_and_never_in_one(labelled, rows_request):
    server, write, _ = labelled
    asked = rows_request(label="stable")
    write(**FIRST)
    server.wait(lambda: server.states("rows")[1] == "AVAILABLE")
    assert refusal(server, asked) == ("INVALID_ARGUMENT", "Unrecognized servable version label: stable")
    write(**FIRST, labels={"stable": 1})
    server.wait(lambda: answers(server, asked))
    write(**SECOND, labels={"stable": 2})
    refused = "Request to assign label to version 2 of model rows, which is not currently available for inference"
    server.wait(lambda: server.log.read_text().count(refused) > 1)
    assert (asked_version(server, asked), server.states("rows").get(2)) == (1, None)
    write(**BOTH, labels={"stable": 1})
    server.wait(lambda: server.states("rows").get(2) == "AVAILABLE")
    write(**BOTH, labels={"stable": 2, "previous": 1})
    server.wait(lambda: asked_version(server, asked) == 2)
    write(**SECOND, labels={"stable": 2})
    server.wait(lambda: server.states("rows") == {1: "END", 2: "AVAILABLE"})
    assert asked_version(server, asked) == 2
    assert httpx.post(server.url("/v1/models/rows/labels/stable:predict"), json={"instances": [[1]]}).json() == {
        "predictions": [{"y": [3.0], "rows": 1}]
    }


def answers(server, request):
    try:
        return asked_version(server, request) > 0
    except grpc.RpcError:
        return False


def test_a_broken_config_file_changes_nothing(labelled, rows_request):
    server, write, root = labelled
    write(**BOTH)
    server.wait(lambda: set(server.states("rows").values()) == {"AVAILABLE"})
    (root / "models.config").write_text("model_config_list { config { nam")
    server.wait(lambda: "Invalid protobuf file" in server.log.read_text() or "Failed to read" in server.log.read_text())
    assert asked_version(server, rows_request(version=1)) == 1


def test_a_config_can_be_sent(labelled, config_text, rows_request):
    server, _, root = labelled
    config = model_server_config_pb2.ModelServerConfig()
    entry = config.model_config_list.config.add(name="rows", base_path="models", model_platform="tensorflow")
    with pytest.raises(grpc.RpcError) as caught:
        server.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(config=config))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Expected model rows to have an absolute path or URI; got base_path()=models" in caught.value.details()
    # The file, which would be taken again within a second, is made unreadable by the test before this one.
    (root / "models.config").write_text("nothing")
    entry.base_path = str(root / "rows")
    entry.model_version_policy.all.SetInParent()
    server.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(config=config), timeout=20)
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "rows"
    server.wait(lambda: set(server.states("rows").values()) == {"AVAILABLE"})
    told = server.models.GetModelStatus(asked).model_version_status
    assert [one.version for one in told] == [2, 1]


def test_nothing_listens_until_a_version_is_loaded_and_none_is_dropped_in_a_swap(
    launch_here, publish, root, rows_request
):
    (root / "rows").mkdir(parents=True)
    server = launch_here(model_name="rows", model_base_path=root / "rows")
    with pytest.raises(AssertionError, match="in time"):
        server.wait(server.listens, 6)
    publish(root, "rows-1")
    server.wait(lambda: server.states("rows") == {1: "AVAILABLE"})
    stop, seen, failed = threading.Event(), [], []

    def ask():
        while not stop.is_set():
            try:
                seen.append(asked_version(server, rows_request()))
            except grpc.RpcError as error:
                failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    publish(root, "rows-2")
    server.wait(lambda: server.states("rows") == {1: "END", 2: "AVAILABLE"})
    stop.set()
    asking.join()
    assert (failed, seen) == ([], sorted(seen))
    assert asked_version(server, rows_request()) == 2
    (root / "rows" / "2").rename(root / "rows" / "two")
    server.wait(lambda: server.states("rows") == {1: "AVAILABLE", 2: "END"})
    shutil.rmtree(root / "rows" / "1")
    server.wait(lambda: server.states("rows") == {1: "END", 2: "END"})
    assert refusal(server, rows_request()) == ("NOT_FOUND", "Servable not found for request: Latest(rows)")


def test_a_broken_version_ends_and_the_one_before_goes_on(launch_here, publish, root, rows_request):
    publish(root, "rows-1")
    server = launch_here(
        model_name="rows", model_base_path=root / "rows", max_num_load_retries=1, load_retry_interval_micros=1000
    )
    server.wait(lambda: server.states("rows") == {1: "AVAILABLE"})
    aside = root / ".aside"
    aside.mkdir()
    (aside / "saved_model.pb").write_bytes(b"cut")
    aside.rename(root / "rows" / "2")
    server.wait(lambda: server.states("rows").get(2) == "END")
    assert server.states("rows")[1] == "AVAILABLE"
    told = httpx.get(server.url("/v1/models/rows/versions/2")).json()["model_version_status"][0]["status"]
    assert told["error_code"] != "OK"
    assert told["error_message"]
    assert asked_version(server, rows_request()) == 1


def write_warmup(folder, name):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.zeros((1, 4), np.float32)))
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(log.SerializeToString())


def test_without_xla_a_compiled_model_fails_when_it_is_asked_or_warmed_up(launch_here, publish, root):
    publish(root, "xla-1")
    server = launch_here(
        model_name="xla", model_base_path=root / "xla", max_num_load_retries=0, rest_api_timeout_in_ms=20000
    )
    server.wait(server.listens)
    reply = httpx.post(server.url("/v1/models/xla:predict"), json={"instances": [[1, 2, 3, 4]]})
    assert reply.status_code == 500
    assert json.loads(reply.text)["error"].startswith("XLA compilation disabled")
    shutil.copytree(root / "xla" / "1", root / "aside")
    write_warmup(root / "aside", "xla")
    (root / "aside").rename(root / "xla" / "2")
    server.wait(lambda: server.states("xla") == {1: "AVAILABLE", 2: "END"})
    told = httpx.get(server.url("/v1/models/xla/versions/2")).json()["model_version_status"][0]["status"]
    assert "XLA compilation disabled" in told["error_message"]


@pytest.mark.parametrize(
    ("flags", "models", "problem"),
    [
        ({}, {"rows": {"labels": {"stable": 1}}}, "Request to assign label to version 1 of model rows"),
        ({"allow_version_labels_for_unavailable_models": "true"}, {"rows": {"labels": {"stable": 1}}}, ""),
        ({}, {"rows": {"policy": "bogus"}}, "Invalid protobuf file"),
    ],
)
def test_labels_of_the_first_config_need_a_flag(
    launch_here, publish, config_text, root, flags, models, problem, rows_request
):
    publish(root, "rows-1")
    file = root / "models.config"
    file.write_text(config_text(root, **models))
    server = launch_here(model_config_file=file, **flags)
    if problem:
        assert server.process.wait(60) == 255
        assert "Failed to start server. Error: " in server.log.read_text()
        assert problem in server.log.read_text()
        return
    server.wait(server.listens)
    assert asked_version(server, rows_request(label="stable")) == 1
