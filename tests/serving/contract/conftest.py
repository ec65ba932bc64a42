"""What serves a store, and how it is asked over each protocol, with replies in one form."""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.ensemble.export import KERAS_FILE, read_warmup
from components.ensemble.servable import load_servable
from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc
from serving.server.backend import VersionFolder

_KINDS = {
    400: "bad request",
    404: "not found",
    422: "bad request",
    "INVALID_ARGUMENT": "bad request",
    "NOT_FOUND": "not found",
}
START = np.datetime64("2026-03-01T00:00:00")


@dataclass(frozen=True)
class Target:
    """Something that serves a store.

    Attributes:
        http: base URL of V1 and V2 REST.
        grpc: `host:port` of V2 gRPC; empty where it isn't spoken.
        predict: `host:port` of PredictionService.
        folder: of the version that is served as `stable`.
        model: its name.
        version: its number.
    """

    http: str
    grpc: str
    predict: str
    folder: Path
    model: str
    version: int

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """Eight inputs that the model was warmed up with."""
        request = read_warmup(self.folder)[-1]
        return {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}

    def keras(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        model = load_servable(self.folder / KERAS_FILE)
        return {name: np.asarray(array) for name, array in model(inputs, training=False).items()}

    @property
    def dataset(self) -> Dataset:
        return VersionFolder(self.folder).dataset

    @property
    def target_std(self) -> float:
        return float(self.inputs["window"][:, :, list(self.dataset.inputs).index(self.dataset.target)].std())


def of_store(store: ModelStore, model: str, http: str, v2_grpc: str, predict: str) -> Target:
    version = store.champion(model).version
    return Target(http, v2_grpc, predict, store.path(model, version), model, version)


def of_running(running: Any) -> Target:
    return of_store(
        running.store, "river", running.url("v1"), f"localhost:{running.grpc}", f"localhost:{running.predict}"
    )


def of_environment() -> Target:
    given = {key: os.environ[f"SLUICE_CONTRACT_{key}"] for key in ("HTTP", "GRPC", "PREDICT", "STORE", "MODEL")}
    hosts = (given[key].removeprefix("grpc://") for key in ("GRPC", "PREDICT"))
    return of_store(ModelStore(Path(given["STORE"])), given["MODEL"], given["HTTP"], *hosts)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("0.0.0.0", 0))
        return one.getsockname()[1]


def wait_for(url: str, process: Any) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"{url} doesn't answer")


@pytest.fixture(scope="module")
def tfserving_alone(tmp_path_factory, candidates, model_server_binary) -> Iterator[Target]:
    store = ModelStore(tmp_path_factory.mktemp("alone") / "store")
    store.promote("river", store.publish("river", candidates["river-1"]))
    config = store.root / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "river" base_path: "{store.root / "river"}" '
        'model_platform: "tensorflow" version_labels { key: "stable" value: 1 } } }'
    )
    rest, port = free_port(), free_port()
    flags = {
        "port": port,
        "rest_api_port": rest,
        "model_config_file": config,
        "allow_version_labels_for_unavailable_models": "true",
    }
    process = subprocess.Popen([str(model_server_binary), *(f"--{name}={value}" for name, value in flags.items())])
    wait_for(f"http://localhost:{rest}/v1/models/river", process)
    yield of_store(store, "river", f"http://localhost:{rest}", "", f"localhost:{port}")
    process.terminate()
    process.wait(20)


@pytest.fixture
def target(request, model_server_binary) -> Target:
    if request.param == "inference-service":
        return of_environment()
    if request.param == "tfserving-alone":
        return request.getfixturevalue("tfserving_alone")
    return of_running(request.getfixturevalue("server" if request.param == "local" else "tfserving_server"))


@dataclass(frozen=True)
class Reply:
    """What came back, in one form for all protocols: `kind` is `ok`, or what was wrong."""

    kind: str
    version: str = ""
    outputs: dict[str, np.ndarray] | None = None
    text: str = ""


def ask_windows(target: Target, protocol: str, inputs: dict[str, np.ndarray], **more: str) -> Reply:
    """Asks windows; `model`, `version` and `label` say whom, where it isn't the target's own."""
    asked = {"model": target.model, "version": "", "label": "", **more}
    return {"v1": ask_v1, "v2": ask_v2, "v2-grpc": ask_v2_grpc, "tfserving": ask_tfserving}[protocol](
        target, inputs, **asked
    )


def which(version: str, label: str) -> str:
    return f"/versions/{version}" if version else f"/labels/{label}" if label else ""


def refused(reply: httpx.Response) -> Reply:
    assert isinstance(reply.json()["error"], str), reply.text
    return Reply(_KINDS.get(reply.status_code, f"HTTP {reply.status_code}"), text=reply.json()["error"])


def ask_v1(target, inputs, model, version, label):
    rows = [
        dict(zip(inputs, row, strict=True)) for row in zip(*(array.tolist() for array in inputs.values()), strict=True)
    ]
    # As text: httpx refuses NaN, which some tests send.
    body = json.dumps({"instances": rows})
    reply = httpx.post(f"{target.http}/v1/models/{model}{which(version, label)}:predict", content=body, timeout=60)
    if reply.status_code != 200:
        return refused(reply)
    answer = reply.json()
    outputs = {name: np.float32([row[name] for row in answer["predictions"]]) for name in answer["predictions"][0]}
    return Reply("ok", answer.get("model_version", ""), outputs)


def v2_type(array: np.ndarray) -> str:
    return {"f": "FP32", "d": "FP64", "i": "INT32"}[array.dtype.char]


def ask_v2(target, inputs, model, version, label):
    tensors = [
        {"name": name, "datatype": v2_type(array), "shape": list(array.shape), "data": array.ravel().tolist()}
        for name, array in inputs.items()
    ]
    url = f"{target.http}/v2/models/{model}{which(version, label)}/infer"
    reply = httpx.post(url, content=json.dumps({"inputs": tensors}), timeout=60)
    if reply.status_code != 200:
        return refused(reply)
    answer = reply.json()
    outputs = {one["name"]: np.float32(one["data"]).reshape(one["shape"]) for one in answer["outputs"]}
    return Reply("ok", answer["model_version"], outputs)


def told(error: grpc.RpcError) -> Reply:
    return Reply(_KINDS.get(error.code().name, error.code().name), text=error.details())


def ask_v2_grpc(target, inputs, model, version, label):
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name=model, model_version=version)
    for name, array in inputs.items():
        request.inputs.add(name=name, datatype=v2_type(array), shape=array.shape)
        request.raw_input_contents.append(array.tobytes())
    with grpc.insecure_channel(target.grpc) as channel:
        try:
            reply = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=60)
        except grpc.RpcError as error:
            return told(error)
    outputs = {
        one.name: np.frombuffer(raw, "<f4").reshape(one.shape)
        for one, raw in zip(reply.outputs, reply.raw_output_contents, strict=True)
    }
    return Reply("ok", reply.model_version, outputs)


def ask_tfserving(target, inputs, model, version, label):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    if version:
        request.model_spec.version.value = int(version)
    if label:
        request.model_spec.version_label = label
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    with grpc.insecure_channel(target.predict) as channel:
        try:
            reply = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
        except grpc.RpcError as error:
            return told(error)
    outputs = {name: tf.make_ndarray(tensor) for name, tensor in reply.outputs.items()}
    return Reply("ok", str(reply.model_spec.version.value), outputs)


def columns(target):
    """The first window as raw readings, a column each; calendar columns come from the stamps."""
    dataset = VersionFolder(target.folder).dataset
    window = target.inputs["window"][0]
    step = np.timedelta64(int(dataset.step_seconds), "s")
    stamps = [f"{START + position * step}Z" for position in range(len(window))]
    given = {name: window[:, index].tolist() for index, name in enumerate(dataset.inputs) if name in dataset.columns}
    series = {dataset.series: [VersionFolder(target.folder).series[0]] * len(window)} if dataset.series else {}
    return {dataset.time: stamps, **series, **given}


def ask_readings(target, protocol, table, **parameters):
    if protocol == "v1":
        records = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
        reply = httpx.post(
            f"{target.http}/v1/models/{target.model}:predict", json={"instances": records, "parameters": parameters}
        )
        if reply.status_code != 200:
            return refused(reply)
        (prediction,) = reply.json()["predictions"]
        named = {"forecast", "lower", "upper", "origin", "series"}
        outputs = {name: np.asarray([value]) for name, value in prediction.items() if name in named}
        return Reply("ok", reply.json()["model_version"], {**outputs, "time": np.asarray([prediction["times"]])})
    if protocol == "v2":
        return ask_raw_v2(target, table, parameters)
    return ask_raw_v2_grpc(target, table, parameters)


def ask_raw_v2(target, table, parameters):
    tensors = [
        {"name": name, "datatype": raw_type(cells), "shape": [len(cells)], "data": cells}
        for name, cells in table.items()
    ]
    reply = httpx.post(
        f"{target.http}/v2/models/{target.model}/infer", json={"inputs": tensors, "parameters": parameters}
    )
    if reply.status_code != 200:
        return refused(reply)
    answer = reply.json()
    outputs = {one["name"]: np.reshape(one["data"], one["shape"]) for one in answer["outputs"]}
    return Reply("ok", answer["model_version"], outputs)


def ask_raw_v2_grpc(target, table, parameters):
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name=target.model)
    for name, cells in table.items():
        tensor = request.inputs.add(name=name, datatype=raw_type(cells), shape=[len(cells)])
        if tensor.datatype == "BYTES":
            tensor.contents.bytes_contents.extend(cell.encode() for cell in cells)
        else:
            tensor.contents.fp64_contents.extend(cells)
    for name, value in parameters.items():
        request.parameters[name].int64_param = value
    with grpc.insecure_channel(target.grpc) as channel:
        try:
            reply = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=60)
        except grpc.RpcError as error:
            return told(error)
    outputs = {}
    for one in reply.outputs:
        texts = [text.decode() for text in one.contents.bytes_contents]
        outputs[one.name] = np.reshape(texts or list(one.contents.fp32_contents), list(one.shape))
    return Reply("ok", reply.model_version, outputs)


def raw_type(cells):
    return "BYTES" if isinstance(cells[0], str) else "FP64"


@pytest.fixture
def ask(target) -> Callable[..., Reply]:
    """Asks the target windows: `(protocol, inputs)`, and whom by `model`, `version` or `label`."""
    return lambda protocol, inputs, **whom: ask_windows(target, protocol, inputs, **whom)


@pytest.fixture
def ask_raw(target) -> Callable[..., Reply]:
    """Asks the target raw readings: `(protocol, table)`, and parameters."""
    return lambda protocol, table, **parameters: ask_readings(target, protocol, table, **parameters)


@pytest.fixture
def readings(target) -> dict[str, list[Any]]:
    """The target's first window as raw readings from START on, a column each."""
    return columns(target)
