"""Model servers in their own processes: TensorFlow Serving where it is found, else the test server in double/."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

RECORDINGS = Path(__file__).parents[3].parent / "shared" / "tfserving" / "recordings.json"


@dataclass(frozen=True)
class ModelServer:
    """A model server's process and where it listens."""

    process: subprocess.Popen[str]
    port: int
    rest: int
    log: Path
    channel: grpc.Channel

    @property
    def predictions(self) -> Any:
        return prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    @property
    def models(self) -> Any:
        return model_service_pb2_grpc.ModelServiceStub(self.channel)

    def url(self, path: str) -> str:
        return f"http://localhost:{self.rest}{path}"

    def states(self, name: str) -> dict[int, str]:
        try:
            reply = httpx.get(self.url(f"/v1/models/{name}"))
        except httpx.HTTPError:
            return {}
        if reply.status_code != 200:
            return {}
        return {int(one["version"]): one["state"] for one in reply.json()["model_version_status"]}

    def listens(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self.url("/v1/models/none")).status_code == 404
        return False

    def wait(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"it didn't happen in time\n{self.log.read_text()}"
            time.sleep(0.05)

    def stop(self) -> float:
        """Ends it; the seconds that this took."""
        start = time.monotonic()
        self.process.terminate()
        self.process.wait(20)
        self.channel.close()
        return time.monotonic() - start


def two_free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("0.0.0.0", 0))
        second.bind(("0.0.0.0", 0))
        return first.getsockname()[1], second.getsockname()[1]


@pytest.fixture(scope="session")
def launch(model_server_binary, tmp_path_factory) -> Iterator[Callable[..., ModelServer]]:
    """Starts model servers with flags by name; they end with the session at the latest."""
    started: list[ModelServer] = []

    def begin(**flags: Any) -> ModelServer:
        port, rest = two_free_ports()
        log = tmp_path_factory.mktemp("log") / "log"
        arguments = [f"--{name}={value}" for name, value in {"port": port, "rest_api_port": rest, **flags}.items()]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        with log.open("w") as file:
            process = subprocess.Popen(
                [str(model_server_binary), *arguments], stdout=file, stderr=file, env=environment, text=True
            )
        started.append(ModelServer(process, port, rest, log, grpc.insecure_channel(f"localhost:{port}")))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def launch_here(launch) -> Iterator[Callable[..., ModelServer]]:
    """Like `launch`; they end with the test."""
    started: list[ModelServer] = []

    def begin(**flags: Any) -> ModelServer:
        started.append(launch(**flags))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture(scope="session")
def recordings() -> list[dict[str, Any]]:
    """What the real TensorFlow Serving answered once, with the requests."""
    if not RECORDINGS.exists():
        pytest.skip("the answers recorded from TensorFlow Serving are not here")
    recorded: list[dict[str, Any]] = json.loads(RECORDINGS.read_text())
    return recorded


def save_lstm(folder: Path, seed: int) -> None:
    """window [n, 12, 3] -> output_0 [n, 2], as Keras exports it."""
    import keras

    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((12, 3), name="window"), keras.layers.LSTM(8), keras.layers.Dense(2)]
    keras.Sequential(layers).export(str(folder), verbose=False)


def save_compiled(folder: Path, scale: float) -> None:
    """x [n, 4] -> y = scale * relu(x) + sum(x) [n, 4] and n [n], compiled by XLA."""
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def compiled(x):
        total = tf.reduce_sum(x, axis=1, keepdims=True)
        return {"y": scale * tf.nn.relu(x) + total, "n": tf.fill([tf.shape(x)[0]], tf.shape(x)[1])}

    module = tf.Module()
    module.serve = tf.function(lambda x: compiled(x))
    signature = module.serve.get_concrete_function(x=tf.TensorSpec([None, 4], tf.float32, name="x"))
    tf.saved_model.save(module, str(folder), signatures=signature)


def save_examples(folder: Path) -> None:
    """Serialised tf.Examples with a float `a` [n] -> 2 a [n], under the signature `regress`."""
    import tensorflow as tf

    def double(inputs):
        parsed = tf.io.parse_example(inputs, {"a": tf.io.FixedLenFeature([], tf.float32)})
        return {"outputs": 2 * parsed["a"]}

    module = tf.Module()
    module.serve = tf.function(double)
    signature = module.serve.get_concrete_function(inputs=tf.TensorSpec([None], tf.string, name="inputs"))
    tf.saved_model.save(module, str(folder), signatures={"regress": signature})


def save_rows(folder: Path, version: int) -> None:
    """x [n, 1] -> y = x + version [n, 1] and rows [n], the number of rows that the graph sees."""
    import tensorflow as tf

    module = tf.Module()
    module.serve = tf.function(lambda x: {"y": x + version, "rows": tf.fill([tf.shape(x)[0]], tf.shape(x)[0])})
    signature = module.serve.get_concrete_function(x=tf.TensorSpec([None, 1], tf.float32, name="x"))
    tf.saved_model.save(module, str(folder), signatures=signature)


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> dict[str, Path]:
    """SavedModels with the signatures of those that were recorded; `lstm` and `xla` in two versions; and `rows`."""
    root = tmp_path_factory.mktemp("saved")
    for version in (1, 2):
        save_lstm(root / f"lstm-{version}", version)
        save_compiled(root / f"xla-{version}", version)
        save_rows(root / f"rows-{version}", version)
    save_examples(root / "feat-1")
    return {folder.name: folder for folder in root.iterdir()}


@pytest.fixture(scope="session")
def publish(saved) -> Callable[[Path, str], None]:
    """Puts `<name>-<version>` into place under a root: written aside, then renamed."""

    def put(root: Path, key: str) -> None:
        name, version = key.split("-")
        (root / name).mkdir(parents=True, exist_ok=True)
        aside = root / f".{key}"
        shutil.copytree(saved[key], aside)
        aside.rename(root / name / version)

    return put


@pytest.fixture(scope="session")
def config_text() -> Callable[..., str]:
    """A model config file; each model as `name={"policy": text, "labels": {...}}`."""

    def text(root: Path, **models: dict[str, Any]) -> str:
        parts = []
        for name, more in models.items():
            labels = "".join(
                f'version_labels {{ key: "{label}" value: {version} }}\n'
                for label, version in more.get("labels", {}).items()
            )
            policy = f"model_version_policy {{ {more['policy']} }}\n" if "policy" in more else ""
            parts.append(
                f'config {{ name: "{name}" base_path: "{root / name}" model_platform: "tensorflow"\n{policy}{labels}}}'
            )
        return "model_config_list {\n" + "\n".join(parts) + "\n}\n"

    return text


@pytest.fixture(scope="session")
def rows_request() -> Callable[..., Any]:
    """A PredictRequest to `rows`, of so many rows of zeros."""
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    def request(rows: int = 1, label: str = "", version: int = 0, outputs: tuple[str, ...] = ()) -> Any:
        asked = predict_pb2.PredictRequest(output_filter=outputs)
        asked.model_spec.name = "rows"
        if label:
            asked.model_spec.version_label = label
        if version:
            asked.model_spec.version.value = version
        asked.inputs["x"].CopyFrom(tf.make_tensor_proto(np.zeros((rows, 1), np.float32)))
        return asked

    return request
