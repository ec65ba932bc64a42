"""The smoke test: the new champion is waited for, asked real windows through its service, and rolled back if wrong.

The champion is what champion.json says before the server has it. Whoever kills this step leaves an untried champion:
run again, the pipeline publishes nothing new, promotes nothing twice, and comes here once more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.errors import InputError
from components.journal import Journal
from components.preprocess.storage import load_series
from serving.clients.client import OUTPUTS, Address, Answer, ForecastClient
from serving.clients.connect import connect
from serving.steps.expected import Inputs, first_windows, keras_answers, sample_windows
from serving.steps.serving_check.comparison import Difference, compare
from serving.steps.smoke_test.availability import availability

# One window, and a batch that no bucket of sizes matches.
BATCHES = (1, 7)
# Behind one address there may be several replicas; each round opens connections of its own.
ROUNDS = 3
_LOOK_SECONDS = 1.0


class SmokeTestFailedError(Exception):
    """The new champion is not served as it should be; says what was done about it."""


@dataclass(frozen=True)
class Service:
    """Whom to ask.

    Attributes:
        rest: `http(s)://host:port`; empty for nobody.
        grpc: `grpc(s)://host:port` of PredictionService; empty for REST alone.
        key: API key, empty for none.
        ca: PEM file of the authority that signed the server's certificate.
    """

    rest: str
    grpc: str = ""
    key: str = field(default="", repr=False)
    ca: Path | None = None

    def address(self, url: str, model: str) -> Address:
        """The address of a model there."""
        return Address(url, model, key=self.key, ca=self.ca)

    @property
    def urls(self) -> dict[str, str]:
        """Addresses by protocol."""
        return {"v1": self.rest} | ({"tfserving": self.grpc} if self.grpc else {})


@dataclass(frozen=True)
class SmokeTestRequest:
    """What to try.

    Attributes:
        dataset: the dataset file.
        series: folder of the prepared series.
        store: the model store.
        version: the new champion.
        service: whom to ask.
        verdict: JSON file to write.
        deadline_seconds: how long it may take until the version answers.
        tolerance: how far answers may be from Keras', in parts of what the serving check allows.
        clock: seconds, monotonic.
        sleep: waits for seconds.
    """

    dataset: Dataset
    series: Path
    store: ModelStore
    version: int
    service: Service
    verdict: Path
    deadline_seconds: float = 600.0
    tolerance: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.dataset.name


@dataclass(frozen=True)
class SmokeVerdict:
    """What the server did with the new champion.

    Attributes:
        passed: it was served, and every answer was right.
        version: the new champion.
        skipped: there was no server to ask.
        problem: what was wrong, empty otherwise.
        waited_seconds: until the version answered, or until it was given up.
        differences: by protocol, the largest difference in parts of what is allowed.
        rolled_back_to: the champion again; None where nothing was rolled back.
    """

    passed: bool
    version: int
    skipped: bool = False
    problem: str = ""
    waited_seconds: float = 0.0
    differences: Mapping[str, float] = field(default_factory=dict)
    rolled_back_to: int | None = None


class _NotYetError(Exception):
    """The server doesn't serve the version; it may do so later."""


class _WrongError(Exception):
    """The server serves the version, and not as it should, or will never serve it."""


def run_smoke_test(request: SmokeTestRequest, journal: Journal) -> SmokeVerdict:
    """Tries the new champion, and rolls back if it isn't served right; writes the verdict in any case.

    Raises:
        SmokeTestFailedError: it isn't, or another version is champion by now.
        InputError: what another step should have left is missing; nothing is rolled back.
    """
    if not request.service.rest:
        journal.note("no service is named: the new champion is not smoke-tested")
        return _written(request, SmokeVerdict(True, request.version, skipped=True))
    _check_champion(request)
    expected = _expected(request)
    started = request.clock()
    try:
        differences = _tried(request, expected, journal)
    except _WrongError as error:
        waited = request.clock() - started
        verdict = SmokeVerdict(False, request.version, problem=str(error), waited_seconds=waited)
        raise SmokeTestFailedError(_roll_back(request, verdict, journal)) from None
    shares = {protocol: found.share for protocol, found in differences.items()}
    verdict = SmokeVerdict(
        True, request.version, waited_seconds=round(request.clock() - started, 3), differences=shares
    )
    return _written(request, verdict)


@dataclass(frozen=True)
class _Expected:
    inputs: Inputs
    answers: Mapping[str, NDArray[np.float32]]
    target_std: float


def _check_champion(request: SmokeTestRequest) -> None:
    champion = request.store.champion(request.model)
    if champion is not None and champion.version == request.version:
        return
    now = f"version {champion.version} is" if champion else "none is"
    raise SmokeTestFailedError(
        f"{request.model} version {request.version} is not the champion, {now}: an earlier try has rolled it back "
        f"(its log says why), or somebody has promoted another; nothing was changed"
    )


def _expected(request: SmokeTestRequest) -> _Expected:
    series = load_series(request.series)
    inputs = sample_windows(request.dataset, series, BATCHES[-1])
    wanted = keras_answers(request.store.path(request.model, request.version), inputs)
    return _Expected(inputs, wanted, float(series.scaler.scale[series.target]))


def _tried(request: SmokeTestRequest, expected: _Expected, journal: Journal) -> dict[str, Difference]:
    """The largest difference by protocol, once every round has answers of the version.

    Raises:
        _WrongError: an answer differs, the version can't be loaded, or the deadline has passed.
    """
    started, told = request.clock(), ""
    while True:
        try:
            _check_available(request)
            found = [_round(request, expected) for _ in range(ROUNDS)]
            journal.progress(1, 1, f"version {request.version} answers right")
            return {protocol: max((one[protocol] for one in found), key=_share) for protocol in found[0]}
        except _NotYetError as error:
            waited = request.clock() - started
            if waited >= request.deadline_seconds:
                problem = f"not served within {request.deadline_seconds:g} s: {error}"
                raise _WrongError(problem) from None
            if str(error) != told:
                told = str(error)
                journal.progress(min(waited / request.deadline_seconds, 1.0), 1, f"waiting: {told}")
            request.sleep(_LOOK_SECONDS)


def _check_available(request: SmokeTestRequest) -> None:
    found = availability(request.service.address(request.service.rest, request.model))
    if found.problem:
        raise _NotYetError(found.problem)
    if request.version in found.failed:
        raise _WrongError(f"the server can't load it: {found.failed[request.version]}")
    others = found.available - {request.version, request.store.candidate(request.model)}
    if request.version not in found.available or others:
        listed = ", ".join(map(str, sorted(found.available))) or "none"
        raise _NotYetError(f"the server says AVAILABLE of version {listed}")


def _round(request: SmokeTestRequest, expected: _Expected) -> dict[str, Difference]:
    return {protocol: _asked(request, protocol, url, expected) for protocol, url in request.service.urls.items()}


def _asked(request: SmokeTestRequest, protocol: str, url: str, expected: _Expected) -> Difference:
    try:
        client = connect(request.service.address(url, request.model), protocol)
        try:
            found = [_difference(request, client, expected, size) for size in BATCHES]
        finally:
            client.close()
    except InputError as error:
        raise _NotYetError(f"{protocol}: {error.problem}") from error
    worst = max(found, key=_share)
    if worst.share > request.tolerance:
        raise _WrongError(
            f"{protocol}: {worst.output} differs from Keras' by {worst.share:.3g} times what is allowed "
            f"(tolerance {request.tolerance:g})"
        )
    return worst


def _difference(request: SmokeTestRequest, client: ForecastClient, expected: _Expected, size: int) -> Difference:
    answer: Answer = client.predict(*first_windows(expected.inputs, size))
    if answer.version not in (None, request.version):
        raise _NotYetError(f"version {answer.version} answers")
    got = {name: getattr(answer, name) for name in OUTPUTS}
    return compare(got, {name: array[:size] for name, array in expected.answers.items()}, expected.target_std)


def _share(difference: Difference) -> float:
    return difference.share


def _roll_back(request: SmokeTestRequest, verdict: SmokeVerdict, journal: Journal) -> str:
    """Makes the previous champion champion again, and writes the verdict; what was wrong and what was done."""
    text = f"{request.model} version {verdict.version}: {verdict.problem}"
    champion = request.store.champion(request.model)
    if champion is None or champion.version != request.version:
        done, target = "another version has become champion meanwhile; nothing was rolled back", None
    elif champion.previous is None:
        done, target = "there is no version to roll back to; it stays champion", None
    else:
        try:
            target = request.store.rollback(request.model).version
            done = f"rolled back to version {target}"
        except InputError as error:
            done, target = f"and it can't be rolled back ({error.problem}); it stays champion", None
    _written(
        request, SmokeVerdict(**{**asdict(verdict), "rolled_back_to": target, "problem": f"{verdict.problem}; {done}"})
    )
    journal.note(f"{text}; {done}")
    return f"{text}; {done}"


def _written(request: SmokeTestRequest, verdict: SmokeVerdict) -> SmokeVerdict:
    request.verdict.parent.mkdir(parents=True, exist_ok=True)
    request.verdict.write_text(json.dumps(asdict(verdict), indent=1) + "\n", encoding="utf-8")
    return verdict
