"""How well a calibration predicts training steps and forecasts of the six members on this machine.

    python benchmarks/duration.py [--threads 1] [--rounds 8] [--members stacked_lstm,patchtst] [--clock wall]

The calibration times networks at 20 and 80 windows, as `sluice plan --calibrate` does. Predicted and measured are
steps of 16, 64 and 128 windows, of 16 chunks, and of light networks. Both are sampled in turn, round after round, so
that whatever else the machine does meets both alike. With `--clock cpu` time is the process' own: on one thread that
is what a quiet machine would take.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.train.registry import MEMBERS
from components.train.runtime import Runtime, prepare
from pipelines.capacity.duration.calibrate import (
    CalibrationRequest,
    Candidate,
    calibration_of,
    candidates,
    ready,
    sample,
)
from pipelines.capacity.duration.calibration import Calibration
from pipelines.capacity.duration.predict import inference_time, training_step_time
from pipelines.capacity.duration.probes import Built, Probe

# Chunks of any member; windows of a table, and of a panel with seasons, as many as Sluice's own batches hold.
BATCHES = (16, 64, 128)
CHUNKS = 16
FORECASTS = (1, 1000)
TARGET = 1.2
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Outcome:
    """One network at one batch.

    Attributes:
        candidate: what was measured.
        measured_seconds: median.
        predicted_seconds: by the calibration.
        calibrated: whether the calibration timed this network at this very batch.
    """

    candidate: Candidate
    measured_seconds: float
    predicted_seconds: float
    calibrated: bool

    @property
    def ratio(self) -> float:
        """Predicted for each measured."""
        return self.predicted_seconds / self.measured_seconds


def main() -> None:
    """Prints a line for each network and batch, then the worst ratios."""
    options = _options()
    request = CalibrationRequest(threads=options.threads, clock=CLOCKS[options.clock])
    prepare(Runtime(request.threads), request.seed)
    timed = candidates(request, math.inf)
    measured = [ready(each, request.clock) for each in _measured(options.members.split(","))]
    samples = sample([*timed, *measured], request.clock, lambda rounds: rounds < options.rounds)
    calibration = calibration_of(request, timed, samples[: len(timed)])
    seen = {(each.probe, each.training, each.run.batch) for each in timed}
    outcomes = [
        Outcome(each, statistics.median(seconds), _predicted(each, calibration), _key(each) in seen)
        for each, seconds in zip(measured, samples[len(timed) :], strict=True)
    ]
    print(f"{calibration.basis}; {calibration.training.flops_per_second / 1e9:.0f} GFLOP/s in training")
    print("\n".join(_line(each) for each in outcomes))
    for name, training in (("training steps", True), ("forecasts", False)):
        print(_summary(name, [each for each in outcomes if each.candidate.training == training]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=0, help="of each operation; 0 for all cores")
    parser.add_argument("--rounds", type=int, default=8, help="samples of each step")
    parser.add_argument("--members", default=",".join(name for name in MEMBERS if name != "linear"))
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    return parser.parse_args()


def _measured(members: Sequence[str]) -> Iterator[Candidate]:
    shape = CalibrationRequest().shape
    for name in members:
        own, light, chunks = Probe(name), Probe(name, "light"), Probe(name, mode="chunks")
        built = Built(own, shape, seed=1)
        yield from (Candidate(own, True, built.training_step(batch)) for batch in BATCHES)
        yield from (Candidate(own, False, run) for run in built.forecasts(FORECASTS))
        # PatchTST has one width.
        if name != "patchtst":
            narrow = Built(light, shape, seed=1)
            yield from (Candidate(light, True, narrow.training_step(batch)) for batch in BATCHES)
        if MEMBERS[name].causal:
            yield Candidate(chunks, True, Built(chunks, shape, seed=1).training_step(CHUNKS))


def _predicted(candidate: Candidate, calibration: Calibration) -> float:
    architecture, batch = candidate.run.architecture, candidate.run.batch
    if candidate.training:
        return training_step_time(architecture, batch, calibration).likely_seconds
    return inference_time((architecture,), batch, calibration).likely_seconds


def _key(candidate: Candidate) -> tuple[Probe, bool, int]:
    return candidate.probe, candidate.training, candidate.run.batch


def _line(outcome: Outcome) -> str:
    probe, batch = outcome.candidate.probe, outcome.candidate.run.batch
    what = probe.mode if outcome.candidate.training else "forecast"
    measured, predicted = (1e3 * seconds for seconds in (outcome.measured_seconds, outcome.predicted_seconds))
    note = "  calibrated on it" if outcome.calibrated else ""
    return (
        f"{probe.member:<15}{probe.width:<7}{what:<9}{batch:>5}  measured {measured:8.2f} ms"
        f"  predicted {predicted:8.2f} ms  ratio {outcome.ratio:.2f}{note}"
    )


def _summary(name: str, outcomes: Sequence[Outcome]) -> str:
    """The worst ratio either way of those that the calibration did not time itself."""
    foreseen = [each for each in outcomes if not each.calibrated]
    worst = max((max(each.ratio, 1 / each.ratio) for each in foreseen), default=1.0)
    within = sum(max(each.ratio, 1 / each.ratio) <= TARGET for each in foreseen)
    return f"{name}: worst factor {worst:.2f}; {within} of {len(foreseen)} not calibrated on are within {TARGET}"


if __name__ == "__main__":
    main()
