"""Versions come, go and break under a constant load of single requests without retries, and no request is failed."""

import asyncio
import itertools
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc

RATE = 50.0
PROTOCOLS = ("v1", "v2", "v2-grpc", "tfserving")
KILLED_WRITER = Path(__file__).parents[1] / "components" / "deploy" / "killed_writer.py"


@dataclass(frozen=True)
class Asked:
    """One request: when it was due, how long it took from then, and what came of it."""

    protocol: str
    due: float
    seconds: float
    version: int
    forecast: float
    error: str


class OpenLoop:
    """Asks at a constant rate, the four protocols in turn, never waiting for an answer and never asking twice."""

    def __init__(self, running, window, rate: float = RATE) -> None:
        self._running, self._window, self._rate = running, window, rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask()))
        self.asked: list[Asked] = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    @property
    def errors(self) -> list[Asked]:
        return [one for one in self.asked if one.error]

    def percentiles(self) -> str:
        seconds = [one.seconds for one in self.asked if not one.error]
        p50, p99, worst = 1000 * np.percentile(seconds, [50, 99, 100])
        return f"{len(seconds)} answers, p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {worst:.1f} ms"

    async def _ask(self) -> None:
        options = [("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0)]
        async with (
            httpx.AsyncClient(base_url=self._running.url("v1"), timeout=30) as rest,
            grpc.aio.insecure_channel(f"localhost:{self._running.grpc}", options) as v2,
            grpc.aio.insecure_channel(f"localhost:{self._running.predict}", options) as predict,
        ):
            ask = {
                "v1": self._v1(rest),
                "v2": self._v2(rest),
                "v2-grpc": self._v2_grpc(v2),
                "tfserving": self._tfserving(predict),
            }
            begin, pending = time.monotonic(), []
            for number, protocol in enumerate(itertools.cycle(PROTOCOLS)):
                due = begin + number / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._stop.is_set():
                    break
                pending.append(asyncio.create_task(self._one(protocol, due, ask[protocol])))
            await asyncio.gather(*pending)

    async def _one(self, protocol: str, due: float, ask: Callable) -> None:
        version, forecast, error = 0, 0.0, ""
        try:
            version, forecast = await ask()
        except grpc.aio.AioRpcError as failure:
            error = failure.code().name
        except Exception as failure:
            error = repr(failure)
        self.asked.append(Asked(protocol, due, time.monotonic() - due, version, forecast, error))

    def _v1(self, client: httpx.AsyncClient) -> Callable:
        body = json.dumps({"instances": self._window.tolist()})

        async def ask() -> tuple[int, float]:
            reply = (await client.post("/v1/models/river:predict", content=body)).raise_for_status().json()
            return int(reply["model_version"]), reply["predictions"][0]["forecast"][0]

        return ask

    def _v2(self, client: httpx.AsyncClient) -> Callable:
        tensor = {"name": "window", "datatype": "FP32", "shape": self._window.shape, "data": self._window.tolist()}
        body = json.dumps({"inputs": [tensor]})

        async def ask() -> tuple[int, float]:
            reply = (await client.post("/v2/models/river/infer", content=body)).raise_for_status().json()
            outputs = {output["name"]: output["data"] for output in reply["outputs"]}
            return int(reply["model_version"]), outputs["forecast"][0]

        return ask

    def _v2_grpc(self, channel: grpc.aio.Channel) -> Callable:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = grpc_predict_v2_pb2.ModelInferRequest(model_name="river")
        request.inputs.add(name="window", datatype="FP32", shape=self._window.shape)
        request.raw_input_contents.append(self._window.tobytes())

        async def ask() -> tuple[int, float]:
            reply = await stub.ModelInfer(request, timeout=30)
            raw = dict(zip((output.name for output in reply.outputs), reply.raw_output_contents, strict=True))
            return int(reply.model_version), float(np.frombuffer(raw["forecast"], "<f4")[0])

        return ask

    def _tfserving(self, channel: grpc.aio.Channel) -> Callable:
        import tensorflow as tf

        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "river"
        request.inputs["window"].CopyFrom(tf.make_tensor_proto(self._window))

        async def ask() -> tuple[int, float]:
            reply = await stub.Predict(request, timeout=30)
            return reply.model_spec.version.value, float(tf.make_ndarray(reply.outputs["forecast"]).flat[0])

        return ask


class Writer:
    """Publishes, promotes, rolls back and prunes; keeps which network each version holds and when it was removed."""

    def __init__(self, running, candidates, folder: Path) -> None:
        self.running, self._store = running, running.store
        self._candidates, self._folder = candidates, folder
        self.holds = {1: "river-1", 2: "river-2"}
        self.removed: dict[int, float] = {}

    def candidate(self, number: int) -> tuple[str, Path]:
        """A version that differs from all others, with one of two networks in turn."""
        key = f"river-{1 + number % 2}"
        folder = shutil.copytree(self._candidates[key], self._folder / str(number))
        card = json.loads((folder / "model_card.json").read_text())
        (folder / "model_card.json").write_text(json.dumps({**card, "code_version": f"number {number}"}))
        return key, folder

    def publish(self, number: int) -> int:
        key, folder = self.candidate(number)
        version = self._store.publish("river", folder)
        self.holds[version] = key
        return version

    def prune(self, keep: int) -> None:
        self.removed |= dict.fromkeys(self._store.prune("river", keep), time.monotonic())

    def check(self, load: OpenLoop) -> None:
        """Every request was answered, by a version that was in the store, with what that version says."""
        assert load.errors == []
        said: dict[str, float] = {}
        for one in load.asked:
            assert one.due < self.removed.get(one.version, float("inf"))
            expected = said.setdefault(self.holds[one.version], one.forecast)
            assert one.forecast == pytest.approx(expected, abs=1e-5)
        assert len(said) == 2
        assert abs(said["river-1"] - said["river-2"]) > 1e-3


@pytest.mark.parametrize("swaps", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_swaps_and_rollbacks_under_load_fail_no_request(start, swaps, store, candidates, windows, eventually, tmp_path):
    writer = Writer(start(store), candidates, tmp_path / "published")
    _check_swaps(writer, swaps, windows(1), eventually)


@pytest.mark.slow
def test_twenty_swaps_and_rollbacks_of_tensorflow_serving_under_load_fail_no_request(
    start_tfserving, store, candidates, windows, eventually, tmp_path
):
    writer = Writer(start_tfserving(store), candidates, tmp_path / "published")
    _check_swaps(writer, 20, windows(1), eventually)


def _check_swaps(writer: "Writer", swaps: int, window, eventually) -> None:
    running, store = writer.running, writer.running.store
    with OpenLoop(running, window) as load:
        for swap in range(swaps):
            wanted = _swap(writer, store, swap)
            eventually(lambda wanted=wanted: running.version() == wanted, 60)
            time.sleep(0.2)
            if swap % 2:
                writer.prune(2)
    print(f"{swaps} swaps: {load.percentiles()}; kept {store.versions('river')}, removed {len(writer.removed)}")
    writer.check(load)
    assert len({one.version for one in load.asked}) >= swaps // 2
    assert len(writer.removed) >= swaps // 4
    assert len(load.asked) > 10 * swaps


def _swap(writer: Writer, store, swap: int) -> str:
    if swap % 3 == 2:
        return str(store.rollback("river").version)
    return str(store.promote("river", writer.publish(100 + swap)).version)


def test_a_writer_killed_at_any_step_never_makes_the_server_answer_from_a_broken_version(
    start, store, candidates, windows, eventually, tmp_path
):
    running = start(store)
    writer = Writer(running, candidates, tmp_path / "published")
    numbers = itertools.count(200)
    killed = 0
    with OpenLoop(running, windows(1)) as load, _orders() as order:
        for step in itertools.count(1, 8):
            key, folder = writer.candidate(next(numbers))
            told = order(store.root, ["publish", "river", str(folder)], step)
            version = store.versions("river")[-1]
            writer.holds.setdefault(version, key)
            other = next(one for one in reversed(store.versions("river")) if one != store.champion("river").version)
            calls = (["promote", "river", other], ["stage", "river", version], ["rollback", "river"])
            killed += told["killed"] + sum(order(store.root, call, step)["killed"] for call in calls)
            champion = str(store.champion("river").version)
            eventually(lambda champion=champion: running.version() == champion, 30)
            killed += order(store.root, ["prune", "river", 2], step)["killed"]
            if not told["killed"]:
                break
        for _ in range(2):
            version = store.promote("river", writer.publish(next(numbers))).version
            eventually(lambda version=version: running.version() == str(version), 30)
            time.sleep(0.2)
    print(f"{killed} writers killed: {load.percentiles()}")
    writer.check(load)
    assert killed > 30
    for name in store.models():
        assert store.damaged(name) == {}
    assert "Traceback" not in running.log.read_text()


class _orders:  # noqa: N801 - reads as a function
    """Has a change of a store done by a process that is killed at its n-th step on disk."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, KILLED_WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self._order

    def __exit__(self, *_):
        self._process.stdin.close()
        assert self._process.wait(10) == 0

    def _order(self, root: Path, call: list, die_at: int) -> dict:
        self._process.stdin.write(json.dumps({"root": str(root), "call": call, "die_at": die_at}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def test_everything_that_a_stopping_server_has_taken_is_answered(start, store, windows):
    running = start(store)
    with OpenLoop(running, windows(1), rate=100.0) as load:
        time.sleep(2)
        stopped = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
        time.sleep(0.2)
    answered = [one for one in load.asked if not one.error]
    print(f"before and while stopping: {load.percentiles()}")
    assert {one.protocol for one in answered} == set(PROTOCOLS)
    for one in load.errors:
        # Whoever asked later found nobody there; no answer was cut short.
        assert one.due > stopped - 0.05
        assert one.error in ("UNAVAILABLE", "CANCELLED") or "ConnectError" in one.error or "Server disconn" in one.error
    assert "Traceback" not in running.log.read_text()
