"""Constant load on the server: 100 requests a second for a minute, and how long `sluice serve` takes to be ready.

    python benchmarks/serving_load.py [runs/reservoir/store] [--model NAME] [--rate 100] [--seconds 60]

Requests are sent when they are due, whether or not those before are answered, and a latency runs from when its request
was due: a server that stalls can't hide it by slowing the caller down. The caller runs on the same cores as the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import httpx
import numpy as np
import orjson
from numpy.typing import NDArray
from serving_latency import ENVIRONMENT, Example, free_ports, read_example, server

from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc

TARGET_P99_MS = 100.0
TARGET_READY_SECONDS = 10.0
STARTS = 3
Send = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Load:
    """What came of it.

    Attributes:
        milliseconds: [answered] from when a request was due to its answer.
        errors: requests that failed.
    """

    milliseconds: NDArray[np.float64]
    errors: int


def main() -> None:
    """Prints one line per protocol, and the seconds to ready."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, nargs="?", default=Path("runs/reservoir/store"))
    parser.add_argument("--model")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each protocol")
    options = parser.parse_args()
    example = read_example(options.store, options.model)
    print(f"{example.model}: {options.rate:g} requests a second for {options.seconds:g} s, {os.cpu_count()} cores")
    print(f"{'':<12}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'errors':>8}  p99 under {TARGET_P99_MS:g} ms, no error")
    with server(options.store) as urls:
        show("v1", asyncio.run(by_v1(urls["v1"], example, options.rate, options.seconds)))
        show("v2-grpc", asyncio.run(by_v2_grpc(urls["v2-grpc"], example, options.rate, options.seconds)))
    seconds = min(seconds_to_ready(options.store) for _ in range(STARTS))
    verdict = "met" if seconds < TARGET_READY_SECONDS else "MISSED"
    print(f"sluice serve is ready after {seconds:.1f} s  under {TARGET_READY_SECONDS:g} s: {verdict}")


async def by_v1(url: str, example: Example, rate: float, seconds: float) -> Load:
    """One window a request over V1 REST."""
    body = orjson.dumps({"instances": [as_instance(example)]})
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:

        async def send() -> object:
            reply = await client.post(f"/v1/models/{example.model}:predict", content=body)
            return reply.raise_for_status()

        return await constant_load(send, rate, seconds)


async def by_v2_grpc(url: str, example: Example, rate: float, seconds: float) -> Load:
    """One window a request over V2 gRPC."""
    request = grpc_predict_v2_pb2.ModelInferRequest(model_name=example.model)
    for name, array in example.inputs.items():
        request.inputs.add(name=name, datatype="FP32", shape=[1, *array.shape[1:]])
        request.raw_input_contents.append(array[:1].tobytes())
    async with grpc.aio.insecure_channel(url.removeprefix("grpc://")) as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        return await constant_load(lambda: stub.ModelInfer(request, timeout=30), rate, seconds)


async def constant_load(send: Send, rate: float, seconds: float) -> Load:
    """Sends at a constant rate, each request when it is due."""
    for _ in range(5):
        await send()
    start = time.perf_counter() + 0.1
    due = start + np.arange(int(rate * seconds)) / rate
    outcomes = await asyncio.gather(*(one(send, at) for at in due))
    taken = [1000 * outcome for outcome in outcomes if outcome is not None]
    return Load(np.array(taken), len(outcomes) - len(taken))


async def one(send: Send, due: float) -> float | None:
    """Seconds from when a request was due to its answer; None where it failed."""
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    try:
        await send()
    except (httpx.HTTPError, grpc.aio.AioRpcError):
        return None
    return time.perf_counter() - due


def as_instance(example: Example) -> object:
    """The example's first window as V1 wants it."""
    if list(example.inputs) == ["window"]:
        return example.inputs["window"][0].tolist()
    return {name: array[0].tolist() for name, array in example.inputs.items()}


def show(protocol: str, load: Load) -> None:
    """Prints one line."""
    p50, p99, most = np.percentile(load.milliseconds, [50, 99, 100]) if len(load.milliseconds) else [np.nan] * 3
    verdict = "met" if p99 < TARGET_P99_MS and load.errors == 0 else "MISSED"
    print(f"{protocol:<12}{p50:>9.2f}{p99:>9.2f}{most:>9.2f}{load.errors:>8}  {verdict}", flush=True)


def seconds_to_ready(store: Path) -> float:
    """Seconds from the start of `sluice serve` until it says that it is ready."""
    http, grpc_port, predict = free_ports(3)
    ports = ["--http-port", str(http), "--grpc-port", str(grpc_port), "--predict-port", str(predict)]
    command = [str(Path(sys.executable).with_name("sluice")), "serve", "--store", str(store), *ports]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        while process.poll() is None:
            try:
                if httpx.get(f"http://localhost:{http}/v2/health/ready").status_code == 200:
                    return time.perf_counter() - start
            except httpx.TransportError:
                time.sleep(0.05)
        raise SystemExit("sluice serve has ended")
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
