"""What a batch of windows costs, by its size, and the batching parameters that follow for TensorFlow Serving.

    python benchmarks/batching_sweep.py [runs/demo/store] [--model NAME] [--seconds 1]

The SavedModel is measured in this process: the model's cost per batch. TensorFlow Serving's queue, its padding and its
callers aren't there; what they cost, only the real server can say.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np

from components.deploy.store import ModelStore
from serving.local.servable import XLA_SIGNATURE_NAME, Call, load_servable, warmup_inputs
from serving.server.arrays import Arrays
from serving.server.signature import SIGNATURE_NAME
from serving.tfserving.batching import choose_batching

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
LEAST_CALLS = 3


def main() -> None:
    """Prints one line per signature and size, and the parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, nargs="?", default=Path("runs/demo/store"))
    parser.add_argument("--model")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each line")
    options = parser.parse_args()
    store = ModelStore(options.store)
    model = options.model or next(iter(store.models()), "")
    champion = store.champion(model) if model else None
    if champion is None:
        raise SystemExit(f"{options.store} holds no champion: run `sluice run` or `make demo` first")
    servable = load_servable(model, champion.version, store.path(model, champion.version))
    cores = os.cpu_count() or 1
    print(f"{model} version {champion.version}, {cores} cores, inputs {servable.signature}")
    print(f"{'signature':<17}{'windows':>8}{'first s':>9}{'p50 ms':>10}{'ms/window':>11}{'calls':>7}")
    example = warmup_inputs(servable)[0]
    for name in (SIGNATURE_NAME, XLA_SIGNATURE_NAME):
        costs = sweep(name, servable.loaded.signatures[name], example, options.seconds)
        chosen = choose_batching(costs, cores)
        print(f"\n{name}: {chosen.text() if chosen else 'a batch saves nothing: answer one by one'}\n")


def sweep(name: str, call: Call, example: Arrays, seconds: float) -> dict[int, float]:
    """Median milliseconds of a batch, by its size; prints a line for each."""
    costs = {}
    for size in SIZES:
        inputs = {key: np.resize(array, (size, *array.shape[1:])) for key, array in example.items()}
        first = _timed(call, inputs)
        _timed(call, inputs)
        taken: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(taken) < LEAST_CALLS:
            taken.append(_timed(call, inputs))
        costs[size] = 1000 * statistics.median(taken)
        print(
            f"{name:<17}{size:>8}{first:>9.2f}{costs[size]:>10.2f}{costs[size] / size:>11.3f}{len(taken):>7}",
            flush=True,
        )
    return costs


def _timed(call: Call, inputs: Arrays) -> float:
    start = time.perf_counter()
    call(**inputs)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
