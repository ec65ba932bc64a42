"""How long training and forecasts take: a number on a calibrated machine, a range on a card that can't be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.errors import InputError
from components.train.architecture import Architecture
from pipelines.capacity.duration.calibration import Calibration
from pipelines.capacity.duration.cards import DeviceRates, forecast_parts, training_parts
from pipelines.capacity.duration.operations import inference_work, training_work
from pipelines.capacity.ranges import Range

# How far a calibrated time may be off either way; `benchmarks/duration.py` prints how far it is.
CALIBRATED_WITHIN = 1.2
# A training scores its network before the first step and after each twentieth of it, on so many validation windows
# (components.train.loop.Recipe.score_share, components.train.scoring.SCORED_WINDOWS).
SCORES, SCORED_WINDOWS = 21, 768

Device = DeviceRates | Calibration


@dataclass(frozen=True)
class Stated:
    """A time that somebody states, to be shown beside a computed one.

    Attributes:
        seconds: as stated.
        source: who states it.
    """

    seconds: Range
    source: str


@dataclass(frozen=True)
class TimeEstimate:
    """How long something takes.

    Attributes:
        low_seconds: at least.
        likely_seconds: on a calibrated machine the prediction; else the middle of the range in equal ratios, which is
            no prediction.
        high_seconds: at most.
        basis: where the figures come from, in words.
        stated: what somebody states of the same; no figure above depends on it.
    """

    low_seconds: float
    likely_seconds: float
    high_seconds: float
    basis: str
    stated: Stated | None = None

    @property
    def seconds(self) -> Range:
        """From the least to the most."""
        return Range(self.low_seconds, self.high_seconds)

    def times(self, count: float | Range) -> TimeEstimate:
        """So many of it, one after the other; of a range of counts the likely one is the middle in equal ratios."""
        low, high = (count.low, count.high) if isinstance(count, Range) else (count, count)
        likely = math.sqrt(low * high) * self.likely_seconds
        return TimeEstimate(low * self.low_seconds, likely, high * self.high_seconds, self.basis, self.stated)

    def plus(self, other: TimeEstimate) -> TimeEstimate:
        """This, then the other on the same device; the basis is this one's."""
        return TimeEstimate(
            self.low_seconds + other.low_seconds,
            self.likely_seconds + other.likely_seconds,
            self.high_seconds + other.high_seconds,
            self.basis,
            self.stated,
        )


def training_step_time(
    architecture: Architecture, batch: int, device: Device, precision: str = "float32"
) -> TimeEstimate:
    """One training step of a batch of windows or chunks.

    Args:
        architecture: of the training network.
        batch: windows or chunks of a step.
        device: a calibrated machine or a card's rates.
        precision: of the member's own layers; a calibrated machine computes in the one it was calibrated in.
    """
    work = training_work(architecture)
    if isinstance(device, Calibration):
        seconds = device.training.seconds(work.total, batch) * device.correction(architecture.name, True, batch)
        return _calibrated(seconds, device)
    parts = training_parts(work, batch, device, precision)
    return _ranged(parts.total, f"{device.name} in {precision}, from its data sheet; most by {parts.largest}")


def steps_per_epoch(rows: int, batch: int, scored_rows: int = 1) -> int:
    """Steps in which every window of a table is met once.

    Args:
        rows: rows at which windows end; of a training part of n rows and windows of w these are n - w + 1.
        batch: windows or chunks of a step.
        scored_rows: windows that one of them holds: 1, or as many as a chunk's scored rows.

    Raises:
        InputError: one of them is less than 1.
    """
    for name, value in (("rows", rows), ("batch", batch), ("scored_rows", scored_rows)):
        if value < 1:
            raise InputError(name, f"{value} is less than 1", "give how many there are")
    return math.ceil(rows / (batch * scored_rows))


def pass_time(
    architecture: Architecture,
    rows: int,
    batch: int,
    device: Device,
    precision: str = "float32",
    scored_rows: int = 1,
) -> TimeEstimate:
    """One pass over all windows of a table, by training steps alone; arguments as of `training_time`."""
    steps = steps_per_epoch(rows, batch, scored_rows)
    return training_step_time(architecture, batch, device, precision).times(steps)


def training_time(
    architecture: Architecture,
    rows: int,
    batch: int,
    device: Device,
    precision: str = "float32",
    epochs: float | Range = 1.0,
    scored_rows: int = 1,
) -> TimeEstimate:
    """A whole training of one network: its steps, and the scores between them.

    A run that tries chunks and windows gives 15 % of its time to the way that it drops; that is not in here.

    Args:
        architecture: of the training network.
        rows: rows at which windows end, as `steps_per_epoch` takes them.
        batch: windows or chunks of a step.
        device: a calibrated machine or a card's rates.
        precision: of the member's own layers.
        epochs: passes over the rows (`pipelines.capacity.duration.history` finds them), or the range that they lie in.
        scored_rows: windows that a chunk holds; 1 for windows.
    """
    steps = pass_time(architecture, rows, batch, device, precision, scored_rows).times(epochs)
    return steps.plus(inference_time((architecture,), SCORED_WINDOWS, device).times(SCORES))


def inference_time(architectures: Sequence[Architecture], batch: int, device: Device) -> TimeEstimate:
    """A forecast of so many windows by all networks of an ensemble, one after the other, by the plain graph.

    A graph compiled by XLA answers faster (`python benchmarks/serving_latency.py`).
    """
    if isinstance(device, Calibration):
        own = (
            device.inference.seconds(inference_work(each), batch) * device.correction(each.name, False, batch)
            for each in architectures
        )
        return _calibrated(sum(own), device)
    parts = [forecast_parts(inference_work(each), batch, device) for each in architectures]
    total = Range(sum(each.total.low for each in parts), sum(each.total.high for each in parts))
    most = max(parts, key=lambda each: each.total.high).largest if parts else "nothing"
    return _ranged(total, f"{device.name} in float32, from its data sheet; most by {most}")


def relative_speed(
    architecture: Architecture, batch: int, device: DeviceRates, reference: DeviceRates, precision: str = "float32"
) -> Range:
    """How many times as fast as another card a card trains.

    What is not known of one card is mostly not known of the other either (shares of the peak, overlap): so the least
    times are set against each other, and the longest ones.
    """
    own, other = (training_step_time(architecture, batch, each, precision) for each in (device, reference))
    return Range.of((other.low_seconds / own.low_seconds, other.high_seconds / own.high_seconds))


def _calibrated(seconds: float, calibration: Calibration) -> TimeEstimate:
    return TimeEstimate(
        seconds / CALIBRATED_WITHIN, seconds, seconds * CALIBRATED_WITHIN, f"{calibration.basis}, within 20 %"
    )


def _ranged(seconds: Range, basis: str) -> TimeEstimate:
    return TimeEstimate(seconds.low, math.sqrt(seconds.low * seconds.high), seconds.high, basis)
