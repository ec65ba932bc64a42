"""`sluice plan --calibrate`: times the members' own steps for less than a minute, and fits the machine's rates."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pipelines.capacity.duration.calibration import Calibration, Timed
from pipelines.capacity.duration.operations import Work, inference_work, training_work
from pipelines.capacity.duration.probes import Built, Probe, Run, Shape
from pipelines.capacity.duration.rates import Observation, Rates, fitted

# Few windows show what a step costs before its windows count, many what each costs. Fewer than 16 would mislead: small
# products take another way through the library (measured: a stacked LSTM's steps of 8 windows take a fifth less than
# the line through those of 16 to 128 says).
FEW, MANY = 20, 80
Probes = tuple[tuple[Probe, tuple[int, ...]], ...]
# Networks to time, those first without which the rates can't be told apart: narrow and wide loops, no loop, attention.
TRAINING_PROBES: Probes = (
    (Probe("rule_based"), (FEW, MANY)),
    (Probe("rule_based", "light"), (FEW, 2 * MANY)),
    (Probe("stacked_lstm"), (FEW, MANY)),
    (Probe("spike_detector"), (FEW, MANY)),
    (Probe("patchtst"), (FEW, MANY)),
    (Probe("residual_gru"), (FEW, MANY)),
    (Probe("cnn_lstm"), (FEW, MANY)),
)
FORECAST_BATCHES = (1, MANY)
# After this share of the time no further network is built, so that those which are can be timed.
_BUILDING_SHARE = 0.6
_LEAST_PROBES = 5
# Steps shorter than this are timed several at once, so that the clock's own time doesn't count.
_SAMPLE_SECONDS = 0.02
_MOST_AT_ONCE = 20
_LEAST_ROUNDS = 4

Clock = Callable[[], float]


@dataclass(frozen=True)
class CalibrationRequest:
    """How to calibrate.

    Attributes:
        shape: windows that networks are built for.
        probes: networks whose steps are timed, and the batches at which they are.
        seconds: wall clock for all of it, once TensorFlow is imported.
        threads: of each operation; 0 for what the environment or the machine says.
        seed: of the random windows.
        clock: seconds, for what is timed.
        wall: seconds of wall clock, for how long all of it takes.
        now: the time of day.
    """

    shape: Shape = field(default_factory=Shape)
    probes: Probes = TRAINING_PROBES
    seconds: float = 50.0
    threads: int = 0
    seed: int = 0
    clock: Clock = time.perf_counter
    wall: Clock = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class Candidate:
    """A run that is timed.

    Attributes:
        probe: its network.
        training: whether it is a training step, else a forecast.
        run: what is called.
        at_once: calls in one sample.
    """

    probe: Probe
    training: bool
    run: Run
    at_once: int = 1

    @property
    def work(self) -> Work:
        """Of one window."""
        own = self.run.architecture
        return training_work(own).total if self.training else inference_work(own)


def calibrate(request: CalibrationRequest) -> Calibration:
    """Measures this machine; a process that has already computed keeps the threads that it has."""
    from components.train.runtime import Runtime, prepare

    prepare(Runtime(request.threads), request.seed)
    began = request.wall()
    chosen = candidates(request, began + _BUILDING_SHARE * request.seconds)
    until = began + request.seconds
    samples = sample(chosen, request.clock, lambda rounds: rounds < _LEAST_ROUNDS or request.wall() < until)
    return calibration_of(request, chosen, samples)


def calibration_of(
    request: CalibrationRequest, chosen: Sequence[Candidate], samples: Sequence[Sequence[float]]
) -> Calibration:
    """The calibration that samples of some candidates give."""
    import keras
    import tensorflow as tf

    from components.train.device_report import device_name
    from components.train.precision import compute_capability, precision_of
    from components.train.runtime import Runtime

    # A process that had computed before kept its threads.
    threads = tf.config.threading.get_intra_op_parallelism_threads() or Runtime(request.threads).threads_used
    training, inference = (_fitted(chosen, samples, which) for which in (True, False))
    return Calibration(
        taken_at=request.now().isoformat(timespec="seconds"),
        device=device_name(threads),
        threads=threads,
        precision=precision_of(compute_capability()),
        versions={"tensorflow": tf.__version__, "keras": keras.__version__},
        window=request.shape.window,
        columns=request.shape.columns,
        training=training,
        inference=inference,
        timed=tuple(
            _timed(each, seconds, training if each.training else inference)
            for each, seconds in zip(chosen, samples, strict=True)
        ),
    )


def sample(chosen: Sequence[Candidate], clock: Clock, goes_on: Callable[[int], bool]) -> list[list[float]]:
    """Seconds of one call of each, measured in turn, so that a disturbance meets all alike.

    Args:
        chosen: what is timed.
        clock: seconds.
        goes_on: whether there is another round after so many.
    """
    samples: list[list[float]] = [[] for _ in chosen]
    while goes_on(len(samples[0])):
        for own, candidate in zip(samples, chosen, strict=True):
            began = clock()
            for _ in range(candidate.at_once):
                candidate.run.call()
            own.append((clock() - began) / candidate.at_once)
    return samples


def ready(candidate: Candidate, clock: Clock) -> Candidate:
    """A candidate that has been compiled and called, and knows how many calls make a sample."""
    candidate.run.call()
    began = clock()
    candidate.run.call()
    seconds = max(clock() - began, 1e-6)
    return replace(candidate, at_once=min(_MOST_AT_ONCE, math.ceil(_SAMPLE_SECONDS / seconds)))


def candidates(request: CalibrationRequest, until: float) -> list[Candidate]:
    """What a calibration times; once the time until which it builds is over, no more than it needs."""
    found: list[Candidate] = []
    for number, (probe, batches) in enumerate(request.probes):
        if number >= _LEAST_PROBES and request.wall() > until:
            break
        built = Built(probe, request.shape, request.seed)
        own = [Candidate(probe, True, built.training_step(batch)) for batch in batches]
        own += [Candidate(probe, False, run) for run in built.forecasts(FORECAST_BATCHES)]
        found += [ready(each, request.clock) for each in own]
    return found


def _fitted(chosen: Sequence[Candidate], samples: Sequence[Sequence[float]], training: bool) -> Rates:
    return fitted(
        [
            Observation(each.work, each.run.batch, statistics.median(seconds))
            for each, seconds in zip(chosen, samples, strict=True)
            if each.training == training
        ]
    )


def _timed(candidate: Candidate, seconds: Sequence[float], rates: Rates) -> Timed:
    batch = candidate.run.batch
    return Timed(
        member=candidate.probe.member,
        width=candidate.probe.width,
        training=candidate.training,
        batch=batch,
        seconds=statistics.median(seconds),
        slow_seconds=statistics.quantiles(seconds, n=4)[-1],
        fitted_seconds=rates.seconds(candidate.work, batch),
    )
