"""A measured device: what each kind of work costs it, fitted to steps that were timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from scipy.optimize import nnls

from pipelines.capacity.duration.operations import Work


@dataclass(frozen=True)
class Rates:
    """Seconds of each kind of work on one device.

    A step's time is their sum: at these sizes a CPU dispatches, moves weights and multiplies one after the other.

    Attributes:
        operation_seconds: of one operation outside loops.
        serial_operation_seconds: of one operation in the loop of a recurrent layer.
        weight_byte_seconds: of one byte of weights moved.
        flop_seconds: of one floating-point operation of a matrix product.
        recurrent_byte_seconds: of one byte that a recurrent layer writes.
        value_byte_seconds: of one byte that another layer writes.
        input_byte_seconds: of one byte read from the table and made a feature.
    """

    operation_seconds: float
    serial_operation_seconds: float
    weight_byte_seconds: float
    flop_seconds: float
    recurrent_byte_seconds: float
    value_byte_seconds: float
    input_byte_seconds: float

    def seconds(self, work: Work, batch: int) -> float:
        """How long a step with so many windows or chunks takes."""
        amounts = _amounts(work, batch)
        return float(sum(rate * amount for rate, amount in zip(astuple(self), amounts, strict=True)))

    @property
    def flops_per_second(self) -> float:
        """Floating-point operations of matrix products in a second; infinite where they cost nothing measurable."""
        return 1 / self.flop_seconds if self.flop_seconds else float("inf")


@dataclass(frozen=True)
class Observation:
    """A step that was timed.

    Attributes:
        work: of the step, for one window or chunk.
        batch: of them in the step.
        seconds: that it took.
    """

    work: Work
    batch: int
    seconds: float


def fitted(observations: Sequence[Observation]) -> Rates:
    """The rates, none below 0, with the least squares of relative errors (Lawson and Hanson, 1974, chapter 23)."""
    amounts = np.asarray([_amounts(seen.work, seen.batch) for seen in observations], np.float64)
    scale = np.maximum(amounts.max(axis=0), 1.0)
    seconds = np.asarray([seen.seconds for seen in observations])
    shares, _ = nnls(amounts / scale / seconds[:, None], np.ones(len(seconds)))
    return Rates(*(float(each) for each in shares / scale))


def _amounts(work: Work, batch: int) -> tuple[float, ...]:
    """How much of each kind of work, in the order of the fields of `Rates`."""
    return (
        work.operations,
        work.serial_operations,
        work.weight_bytes + work.serial_weight_bytes,
        work.floating_point_operations(batch),
        batch * work.recurrent_bytes,
        batch * work.value_bytes,
        batch * work.input_bytes,
    )
