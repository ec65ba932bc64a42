"""Latency of the served model: p50 and p99 of 1 and 1,000 windows, over each protocol, in process and in ONNX Runtime.

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
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from components.deploy.store import ModelStore
from serving.clients.client import PROTOCOLS, Address, ForecastClient
from serving.clients.connect import connect
from serving.local.servable import Servable, load_servable, warm_up, warmup_inputs, with_next_size

BATCHES = (1, 1000)
LEAST_CALLS = 5
# Seconds a server has to try its compiled batch sizes before it is measured.
SETTLING_SECONDS = 25
# Milliseconds: p50 and p99 of one window, p50 of 1,000.
TARGETS = {
    ("v1", 1): (15.0, None),
    ("v2", 1): (15.0, None),
    ("v2-grpc", 1): (10.0, 25.0),
    ("tfserving", 1): (10.0, 25.0),
    ("v1", 1000): (3000.0, None),
    ("v2", 1000): (3000.0, None),
    ("v2-grpc", 1000): (1200.0, None),
    ("tfserving", 1000): (1200.0, None),
}
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
_SERVE = (
    "import sys; from pathlib import Path; from serving.serve import ServeOptions, serve; "
    "serve(ServeOptions(Path(sys.argv[1]), *map(int, sys.argv[2:5])))"
)
Inputs = dict[str, NDArray[np.float32]]
Ask = Callable[[Inputs], object]


@dataclass(frozen=True)
class Example:
    """What to ask.

    Attributes:
        model: its name.
        version: the champion's number.
        folder: the champion's folder.
        inputs: a batch of real inputs by name.
    """

    model: str
    version: int
    folder: Path
    inputs: Inputs


def main() -> None:
    """Prints one line per protocol and batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, nargs="?", default=Path("runs/reservoir/store"))
    parser.add_argument("--model")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each line")
    options = parser.parse_args()
    example = read_example(options.store, options.model)
    print(f"{example.model} version {example.version}, {os.cpu_count()} cores")
    print(f"{'':<28}{'windows':>8}{'p50 ms':>10}{'p99 ms':>10}{'calls':>7}  target ms")
    in_this_process(example, options.seconds)
    with server(options.store) as urls:
        for batch in BATCHES:
            inputs = resized(example.inputs, batch)
            for protocol in PROTOCOLS:
                client = connect(Address(urls[protocol], example.model), protocol)
                show(protocol, batch, timings(asking(client), inputs, options.seconds))
                client.close()


def in_this_process(example: Example, seconds: float) -> None:
    """The plain signature, the compiled sizes and ONNX Runtime, without a protocol."""
    plain = load_servable(example.model, example.version, example.folder)
    warm_up(plain)
    runtimes = {"in process, plain": plain.answer, "in process, compiled sizes": tuned(plain).answer}
    onnx = onnx_runtime(example)
    if onnx is not None:
        runtimes["ONNX Runtime"] = onnx
    for batch in BATCHES:
        p50 = {}
        for name, ask in runtimes.items():
            taken = timings(ask, resized(example.inputs, batch), seconds)
            show(name, batch, taken)
            p50[name] = float(np.median(taken))
        first = p50["in process, plain"]
        print("  plain / other: " + ", ".join(f"{name} {first / value:.2f}" for name, value in p50.items()))


def tuned(servable: Servable) -> Servable:
    """With every compiled size that is equal and faster."""
    while servable.untried:
        servable = with_next_size(servable)
    return servable


def onnx_runtime(example: Example) -> Ask | None:
    """The same version in ONNX Runtime; None where the extra isn't installed."""
    if find_spec("onnxruntime") is None or find_spec("tf2onnx") is None:
        print("ONNX Runtime isn't measured: the extra sluice[onnx] isn't installed")
        return None
    import onnxruntime

    from components.ensemble.onnx_file import export_onnx

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        export_onnx(example.folder, file)
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)


def read_example(folder: Path, name: str | None) -> Example:
    """The champion of a store, and inputs from its warm-up file."""
    store = ModelStore(folder)
    if not store.models():
        raise SystemExit(f"{folder} holds no model: run `sluice run` or `make demo` first")
    model = name or store.models()[0]
    champion = store.champion(model)
    if champion is None:
        raise SystemExit(f"{model} has no champion")
    path = store.path(model, champion.version)
    requests = warmup_inputs(load_servable(model, champion.version, path))
    return Example(model, champion.version, path, max(requests, key=lambda inputs: len(inputs["window"])))


def resized(inputs: Inputs, batch: int) -> Inputs:
    """The example's rows again and again."""
    return {name: np.resize(array, (batch, *array.shape[1:])) for name, array in inputs.items()}


def asking(client: ForecastClient) -> Ask:
    """The call of a client, as the servable's own is called."""
    return lambda inputs: client.predict(inputs["window"], inputs.get("future"))


def timings(ask: Ask, inputs: Inputs, seconds: float) -> NDArray[np.float64]:
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
    """Prints one line, with what is wanted where something is."""
    p50, p99 = np.percentile(milliseconds, [50, 99])
    verdict = ""
    if (name, batch) in TARGETS:
        wanted, wanted_p99 = TARGETS[name, batch]
        met = p50 < wanted and (wanted_p99 is None or p99 < wanted_p99)
        limits = f"p50 {wanted:g}" + (f", p99 {wanted_p99:g}" if wanted_p99 else "")
        verdict = f"  {limits}: {'met' if met else 'MISSED'}"
    print(f"{name:<28}{batch:>8}{p50:>10.2f}{p99:>10.2f}{len(milliseconds):>7}{verdict}", flush=True)


@contextmanager
def server(store: Path) -> Iterator[dict[str, str]]:
    """A server of the store; its URL for each protocol."""
    http, grpc, predict = free_ports(3)
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(store), str(http), str(grpc), str(predict)],
        stdout=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    try:
        wait_ready(f"http://localhost:{http}/v2/health/ready", process)
        time.sleep(SETTLING_SECONDS)
        rest = f"http://localhost:{http}"
        yield {
            "v1": rest,
            "v2": rest,
            "v2-grpc": f"grpc://localhost:{grpc}",
            "tfserving": f"grpc://localhost:{predict}",
        }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until the server answers."""
    while process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
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
