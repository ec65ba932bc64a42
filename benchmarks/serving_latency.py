"""Latency of the served model: p50 and p99 of 1 and 1,000 windows, over each protocol and in process.

    python benchmarks/serving_latency.py [runs/reservoir/store] [--model NAME] [--seconds 5]

The server runs in its own process, as `sluice serve` starts it; the windows are those of the model's warm-up file.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from components.deploy.store import ModelStore
from serving.clients.client import PROTOCOLS, Address, ForecastClient
from serving.clients.connect import connect
from serving.local.servable import load_servable, warm_up, warmup_inputs, with_faster_single

BATCHES = (1, 1000)
LEAST_CALLS = 5
_SERVE = (
    "import sys; from pathlib import Path; from serving.serve import ServeOptions, serve; "
    "serve(ServeOptions(Path(sys.argv[1]), *map(int, sys.argv[2:5])))"
)
Ask = Callable[[dict[str, NDArray[np.float32]]], object]


def main() -> None:
    """Prints one line per protocol and batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, nargs="?", default=Path("runs/reservoir/store"))
    parser.add_argument("--model")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each line")
    options = parser.parse_args()
    store = ModelStore(options.store)
    if not store.models():
        raise SystemExit(f"{options.store} holds no model: run `sluice run` or `make demo` first")
    model = options.model or store.models()[0]
    champion = store.champion(model)
    if champion is None:
        raise SystemExit(f"{model} has no champion")
    plain = load_servable(model, champion.version, store.path(model, champion.version))
    warm_up(plain)
    tuned = with_faster_single(plain)
    example = warmup_inputs(plain)[0]
    print(f"{model} version {champion.version}, {os.cpu_count()} cores, inputs {plain.signature}")
    print(f"one window by {'serving_xla' if tuned is not plain else 'serving_default'}, as measured when it is loaded")
    print(f"{'':<28}{'windows':>8}{'p50 ms':>10}{'p99 ms':>10}{'calls':>7}")
    for batch in BATCHES:
        inputs = {name: np.resize(array, (batch, *array.shape[1:])) for name, array in example.items()}
        show("in process, serving_default", batch, timings(plain.answer, inputs, options.seconds))
        if batch == 1 and tuned is not plain:
            show("in process, serving_xla", batch, timings(tuned.answer, inputs, options.seconds))
    with server(options.store) as urls:
        for batch in BATCHES:
            inputs = {name: np.resize(array, (batch, *array.shape[1:])) for name, array in example.items()}
            for protocol in PROTOCOLS:
                client = connect(Address(urls[protocol], model), protocol)
                show(protocol, batch, timings(asking(client), inputs, options.seconds))
                client.close()


def asking(client: ForecastClient) -> Ask:
    """The call of a client, as the servable's own is called."""
    return lambda inputs: client.predict(inputs["window"], inputs.get("future"))


def timings(ask: Ask, inputs: dict[str, NDArray[np.float32]], seconds: float) -> NDArray[np.float64]:
    """Milliseconds of each call made within `seconds`, after two that don't count."""
    ask(inputs)
    ask(inputs)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < LEAST_CALLS:
        start = time.perf_counter()
        ask(inputs)
        taken.append(1000 * (time.perf_counter() - start))
    return np.array(taken)


def show(name: str, batch: int, milliseconds: NDArray[np.float64]) -> None:
    """Prints one line."""
    p50, p99 = np.percentile(milliseconds, [50, 99])
    print(f"{name:<28}{batch:>8}{p50:>10.2f}{p99:>10.2f}{len(milliseconds):>7}", flush=True)


@contextmanager
def server(store: Path) -> Iterator[dict[str, str]]:
    """A server of the store; its URL for each protocol."""
    http, grpc, predict = free_ports(3)
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(store), str(http), str(grpc), str(predict)], stdout=subprocess.DEVNULL
    )
    try:
        wait_ready(f"http://localhost:{http}/v2/health/ready", process)
        rest = f"http://localhost:{http}"
        yield {
            "v1": rest,
            "v2": rest,
            "v2-grpc": f"grpc://localhost:{grpc}",
            "tfserving": f"grpc://localhost:{predict}",
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until the server answers, and a while longer, in which it may compile."""
    while process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                time.sleep(10)
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("the server has ended")


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("0.0.0.0", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


if __name__ == "__main__":
    main()
