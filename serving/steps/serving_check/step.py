"""The serving check: the candidate is loaded by a real server, asked real windows, and compared with Keras.

Method: TFX's InfraValidator (tfx/components/infra_validator), with answers compared and not only given.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.deploy.store import MODEL_CARD, ModelStore
from components.errors import InputError
from components.journal import Journal
from components.preprocess.storage import load_series
from serving.clients.client import OUTPUTS, Address, Answer, ForecastClient
from serving.clients.connect import connect
from serving.steps.expected import Asked, Inputs, first_windows, keras_answers, sample_windows
from serving.steps.serving_check.comparison import Difference, compare
from serving.steps.serving_check.servers import NotServedInTimeError, Runner, Trial

# One window, an odd number that no bucket of sizes matches, and a batch.
BATCHES = (1, 7, 64)
LARGE_BATCH = 1000
TIMED_CALLS = 200


@dataclass(frozen=True)
class ServingCheckRequest:
    """What to check, and where to write the verdict.

    Attributes:
        dataset: the dataset file.
        series: folder of the prepared series.
        candidate: folder of the candidate.
        verdict: JSON file to write.
        runtime: `tfserving` or `inprocess`.
        runner: starts the server.
        clock: seconds, monotonic.
    """

    dataset: Dataset
    series: Path
    candidate: Path
    verdict: Path
    runtime: str
    runner: Runner
    clock: Callable[[], float] = time.perf_counter


@dataclass(frozen=True)
class ServingVerdict:
    """What the server did with the candidate.

    Attributes:
        passed: it was loaded, and every answer was equal to Keras'.
        runtime: the server.
        problem: why it did not pass, empty otherwise.
        differences: by protocol, the largest difference in parts of what is allowed.
        windows: how many were compared over each protocol.
        load_seconds: from the server's start until the candidate was ready.
        latency_ms_p50: median time of one window over gRPC.
        latency_ms_p99: 99th percentile of it.
        large_batch_seconds: time of 1,000 windows in one request over gRPC.
        memory_bytes: the most resident memory of the server's process.
    """

    passed: bool
    runtime: str
    problem: str = ""
    differences: Mapping[str, float] | None = None
    windows: int = 0
    load_seconds: float | None = None
    latency_ms_p50: float | None = None
    latency_ms_p99: float | None = None
    large_batch_seconds: float | None = None
    memory_bytes: int | None = None

    def figures(self) -> dict[str, float]:
        """What was measured, by name."""
        facts = asdict(self)
        return {
            name: float(facts[name])
            for name in ("load_seconds", "latency_ms_p50", "latency_ms_p99", "large_batch_seconds", "memory_bytes")
            if facts[name] is not None
        }


def check_serving(request: ServingCheckRequest, journal: Journal) -> ServingVerdict:
    """Asks a server of the candidate, and writes its verdict; a candidate that can't be served is a verdict too.

    Raises:
        InputError: what another step should have left is missing.
    """
    series = load_series(request.series)
    sample = sample_windows(request.dataset, series, BATCHES[-1])
    wanted = keras_answers(request.candidate, sample)
    journal.progress(1, 4, f"Keras has answered {BATCHES[-1]} windows")
    with tempfile.TemporaryDirectory(prefix="sluice-check-") as scratch:
        store, model = _trial_store(request.candidate, Path(scratch))
        try:
            with request.runner(store, model, Path(scratch) / "server.log") as trial:
                journal.progress(2, 4, f"{request.runtime} is ready after {trial.load_seconds:.1f} s")
                target_std = float(series.scaler.scale[series.target])
                verdict = _asked(request, trial, model, _Expected(sample, wanted, target_std), journal)
        except NotServedInTimeError as error:
            verdict = ServingVerdict(False, request.runtime, problem=str(error))
    request.verdict.parent.mkdir(parents=True, exist_ok=True)
    request.verdict.write_text(json.dumps(asdict(verdict), indent=1) + "\n", encoding="utf-8")
    journal.progress(4, 4, "equal to Keras" if verdict.passed else verdict.problem)
    return verdict


@dataclass(frozen=True)
class _Expected:
    inputs: Inputs
    answers: Mapping[str, NDArray[np.float32]]
    target_std: float


def _asked(
    request: ServingCheckRequest, trial: Trial, model: str, expected: _Expected, journal: Journal
) -> ServingVerdict:
    differences: dict[str, Difference] = {}
    try:
        for protocol, url in trial.urls.items():
            with_client = connect(Address(url, model), protocol)
            try:
                differences[protocol] = _largest_difference(with_client, expected)
            finally:
                with_client.close()
        journal.progress(3, 4, "answers compared")
        times = _times(trial, model, expected.inputs, request.clock)
    except InputError as error:
        return ServingVerdict(False, request.runtime, problem=str(error), load_seconds=trial.load_seconds)
    unequal = [f"{protocol}: {found.output}" for protocol, found in differences.items() if not found.equal]
    return ServingVerdict(
        passed=not unequal,
        runtime=request.runtime,
        problem=f"answers differ from Keras' by more than is allowed ({', '.join(unequal)})" if unequal else "",
        differences={protocol: found.share for protocol, found in differences.items()},
        windows=sum(BATCHES),
        load_seconds=trial.load_seconds,
        latency_ms_p50=statistics.median(times.single) * 1000,
        latency_ms_p99=float(np.quantile(times.single, 0.99)) * 1000,
        large_batch_seconds=times.large,
        memory_bytes=trial.peak_memory_bytes(),
    )


def _largest_difference(client: ForecastClient, expected: _Expected) -> Difference:
    found = [_difference(client, expected, size) for size in BATCHES]
    return max(found, key=lambda difference: difference.share)


def _difference(client: ForecastClient, expected: _Expected, size: int) -> Difference:
    answer = client.predict(*first_windows(expected.inputs, size))
    got = {name: getattr(answer, name) for name in OUTPUTS}
    return compare(got, {name: array[:size] for name, array in expected.answers.items()}, expected.target_std)


@dataclass(frozen=True)
class _Times:
    single: list[float]
    large: float


def _times(trial: Trial, model: str, inputs: Inputs, clock: Callable[[], float]) -> _Times:
    client = connect(Address(trial.urls["tfserving"], model), "tfserving")
    try:
        one, many = first_windows(inputs, 1), first_windows(inputs, LARGE_BATCH)
        for _ in range(3):
            client.predict(*one)
        return _Times([_seconds(client, one, clock) for _ in range(TIMED_CALLS)], _seconds(client, many, clock))
    finally:
        client.close()


def _seconds(client: ForecastClient, asked: Asked, clock: Callable[[], float]) -> float:
    started = clock()
    answer: Answer = client.predict(*asked)
    taken = clock() - started
    assert len(answer.forecast) == len(asked[0])
    return taken


def _trial_store(candidate: Path, scratch: Path) -> tuple[ModelStore, str]:
    store = ModelStore(scratch / "store")
    model = str(json.loads((candidate / MODEL_CARD).read_text(encoding="utf-8"))["name"])
    store.promote(model, store.publish(model, candidate))
    return store, model
