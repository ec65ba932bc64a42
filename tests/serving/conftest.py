"""A real store of small SavedModels, and a server of it in its own process."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.journal import Journal
from serving.clients.client import Address, ForecastClient
from serving.clients.connect import connect

WINDOW, COLUMNS, HORIZONS, KNOWN, AHEAD = 12, 3, (1, 3), 1, 3
MEMBERS = ("first", "second")
DATASET = """\
name: {name}
time: time
step: 10min
columns:
  level: {{unit: m}}
  rain: {{unit: mm}}
  tide: {{unit: m, role: {role}}}
target: level
window: 12
horizons: [1, 3]
"""


def build_model(seed: int, with_future: bool):
    """A small servable: window [n, 12, 3] (and future [n, 3, 1]) -> the six outputs."""
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(seed)
    window = keras.Input((WINDOW, COLUMNS), name="window")
    inputs = {"window": window}
    seen = layers.Flatten()(window)
    if with_future:
        inputs["future"] = keras.Input((AHEAD, KNOWN), name="future")
        seen = layers.Concatenate()([seen, layers.Flatten()(inputs["future"])])
    points = [layers.Dense(len(HORIZONS), name=name)(layers.Dense(8, "tanh")(seen)) for name in MEMBERS]
    members = ops.stack(points, axis=1)
    weights = ops.softmax(layers.Reshape((2, len(HORIZONS)))(layers.Dense(4)(seen)), axis=1)
    forecast = ops.sum(members * weights, axis=1)
    outputs = {
        "forecast": forecast,
        "lower": forecast - 0.5,
        "upper": forecast + 0.5,
        "members": members,
        "weights": weights,
        "spike_probability": ops.reshape(layers.Dense(1, "sigmoid")(seen), (-1,)),
    }
    return keras.Model(inputs, outputs)


def write_candidate(folder: Path, name: str, seed: int, with_future: bool = False) -> Path:
    """A store version without checksums, as the ensemble step writes it."""
    from components.ensemble.export import export_saved_model, write_warmup

    rng = np.random.default_rng(seed)
    inputs = {"window": rng.normal(size=(2, WINDOW, COLUMNS)).astype(np.float32)}
    if with_future:
        inputs["future"] = rng.normal(size=(2, AHEAD, KNOWN)).astype(np.float32)
    export_saved_model(build_model(seed, with_future), folder)
    write_warmup(folder, name, inputs)
    role = "known" if with_future else "observed"
    (folder / "dataset.yaml").write_text(DATASET.format(name=name, role=role))
    card = {"name": name, "members": list(MEMBERS), "horizons": list(HORIZONS)}
    (folder / "model_card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="session")
def candidates(tmp_path_factory) -> dict[str, Path]:
    """Two versions of `river`, which differ, and one of `tidal`, which needs a future."""
    root = tmp_path_factory.mktemp("candidates")
    return {
        "river-1": write_candidate(root / "river-1", "river", 1),
        "river-2": write_candidate(root / "river-2", "river", 2),
        "tidal-1": write_candidate(root / "tidal-1", "tidal", 3, with_future=True),
    }


def publish_all(root: Path, candidates: dict[str, Path]) -> ModelStore:
    store = ModelStore(root)
    for key in ("river-1", "river-2", "tidal-1"):
        store.publish(key.split("-")[0], candidates[key])
    store.promote("river", 1)
    store.promote("tidal", 1)
    return store


@pytest.fixture
def store(tmp_path, candidates) -> ModelStore:
    """A fresh store: river with champion 1 of 2 versions, tidal with champion 1."""
    return publish_all(tmp_path / "store", candidates)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("0.0.0.0", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass(frozen=True)
class Running:
    """A server in its own process."""

    process: subprocess.Popen[str]
    store: ModelStore
    http: int
    grpc: int
    predict: int
    log: Path

    def url(self, protocol: str) -> str:
        port = {"v1": self.http, "v2": self.http, "v2-grpc": self.grpc, "tfserving": self.predict}[protocol]
        return f"{'http' if protocol in ('v1', 'v2') else 'grpc'}://localhost:{port}"

    def version(self, model: str = "river") -> str:
        reply = httpx.get(f"http://localhost:{self.http}/v1/models/{model}")
        return reply.json()["model_version_status"][0]["version"] if reply.status_code == 200 else ""

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


_SERVE = """
import json
import sys
from pathlib import Path
from serving.serve import ServeOptions, serve
store, http, grpc, predict = sys.argv[1:5]
serve(ServeOptions(Path(store), int(http), int(grpc), int(predict), poll_seconds=0.2, **json.loads(sys.argv[5])))
"""


def start_server(store: ModelStore, log: Path, **options: object) -> Running:
    ports = free_ports(3)
    arguments = [str(store.root), *map(str, ports), json.dumps(options), "--protocol", "v2-grpc"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, *arguments], stdout=file, stderr=file, env=environment, text=True
        )
    running = Running(process, store, *ports, log)
    wait_until(lambda: process.poll() is not None or "Ask it:" in log.read_text(), 60)
    assert process.poll() is None, log.read_text()
    return running


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def server(tmp_path_factory, candidates) -> Iterator[Running]:
    """One server for all tests that leave its store alone."""
    root = tmp_path_factory.mktemp("served")
    running = start_server(publish_all(root / "store", candidates), root / "log")
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture(scope="session")
def start_with() -> Iterator[Callable[..., Running]]:
    """Starts servers of all candidates in a folder, with options of theirs (JSON values); ended with the session."""
    started: list[Running] = []

    def begin(root: Path, candidates: dict[str, Path], **options: object) -> Running:
        started.append(start_server(publish_all(root / "store", candidates), root / "log", **options))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture(scope="module")
def changing_server(tmp_path_factory, candidates) -> Iterator[Running]:
    """A server whose store the tests of a module change; each says first what it starts from."""
    root = tmp_path_factory.mktemp("changing")
    running = start_server(publish_all(root / "store", candidates), root / "log")
    yield running
    assert running.stop() == 0


def prepare_river(folder: Path, dataset: Dataset) -> Path:
    """Ten days of readings of `river`, prepared; the folder of the series."""
    from components.preprocess.step import PrepareRequest, prepare_series

    stamps = pd.date_range("2026-01-01", periods=1440, freq="10min", tz="UTC")
    values = np.random.default_rng(5).normal(size=(len(stamps), 3)).cumsum(axis=0).astype(np.float32)
    readings = pd.DataFrame(values, columns=list(dataset.columns))
    readings.insert(0, "time", stamps)
    readings.insert(0, "series", dataset.name)
    readings.to_parquet(folder / "readings.parquet")
    prepare_series(PrepareRequest(dataset, folder / "readings.parquet", folder / "series"), Journal("", "preprocess"))
    return folder / "series"


@pytest.fixture(scope="session")
def river_series(tmp_path_factory, candidates) -> Path:
    """Ten days of readings of `river`, prepared."""
    dataset = load_dataset(candidates["river-1"] / "dataset.yaml")
    return prepare_river(tmp_path_factory.mktemp("series"), dataset)


@pytest.fixture
def windows() -> Callable[[int], NDArray[np.float32]]:
    """Random windows [n, 12, 3]."""
    return lambda n: np.random.default_rng(n).normal(size=(n, WINDOW, COLUMNS)).astype(np.float32)


@pytest.fixture
def futures() -> Callable[[int], NDArray[np.float32]]:
    """Random futures [n, 3, 1]."""
    return lambda n: np.random.default_rng(100 + n).normal(size=(n, AHEAD, KNOWN)).astype(np.float32)


@pytest.fixture
def ports() -> list[int]:
    """Three free ports."""
    return free_ports(3)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], float], None]:
    """Waits until a condition holds, for so many seconds at most."""
    return wait_until


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[[ModelStore], Running]]:
    """Starts servers, which are ended with the test."""
    started: list[Running] = []

    def begin(store: ModelStore) -> Running:
        started.append(start_server(store, tmp_path / f"log-{len(started)}"))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


_MODEL_SERVER = "tensorflow_model_server"
_DOUBLE = """\
#!{python}
import sys

sys.path.insert(0, {folder!r})
from double.main import main

sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="session", params=["real" if shutil.which(_MODEL_SERVER) else "double"])
def model_server_binary(request, tmp_path_factory) -> Iterator[Path]:
    """`tensorflow_model_server` as found on PATH, or put there: a test server over real SavedModels."""
    found = shutil.which(_MODEL_SERVER)
    if request.param == "real" and found:
        yield Path(found)
        return
    binary = tmp_path_factory.mktemp("bin") / _MODEL_SERVER
    folder = str(Path(__file__).parent / "tfserving")
    binary.write_text(_DOUBLE.format(python=sys.executable, folder=folder))
    binary.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
        yield binary


@pytest.fixture(scope="module")
def tfserving_server(tmp_path_factory, candidates, model_server_binary) -> Iterator[Running]:
    """Like `changing_server`, with the runtime TensorFlow Serving."""
    root = tmp_path_factory.mktemp("tfserving")
    running = start_server(publish_all(root / "store", candidates), root / "log", runtime="tfserving")
    yield running
    assert running.stop() == 0


@pytest.fixture
def start_tfserving(tmp_path, model_server_binary) -> Iterator[Callable[[ModelStore], Running]]:
    """Like `start`, with the runtime TensorFlow Serving."""
    started: list[Running] = []

    def begin(store: ModelStore) -> Running:
        started.append(start_server(store, tmp_path / f"log-{len(started)}", runtime="tfserving"))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.stop()


class SteadyLoad:
    """Asks one protocol without a pause, and keeps the versions that answered."""

    def __init__(self, client: ForecastClient, window: NDArray[np.float32]) -> None:
        self._client, self._window = client, window
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers: list[tuple[int, float]] = []
        self.errors: list[Exception] = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _ask(self) -> None:
        while not self._stop.wait(0.002):
            try:
                answer = self._client.predict(self._window)
            except Exception as error:
                self.errors.append(error)
            else:
                self.answers.append((answer.version, float(answer.forecast[0, 0])))


@pytest.fixture
def load_of(windows):
    """Steady load on the model `river` of a running server, by protocol."""
    return lambda running, protocol: SteadyLoad(connect(Address(running.url(protocol), "river"), protocol), windows(1))
