"""How much memory a training step takes, in closed form, and how large a batch fits into a given one.

Terms as requirements.md, section 5 states them: weights, gradients, optimiser, batch, activations. What a framework
takes besides (its libraries, its pool) is no part of it and is measured, not computed.
"""

from __future__ import annotations

from dataclasses import dataclass

FLOAT_BYTES = 4
# Adam keeps a mean and a variance of each weight's gradient.
OPTIMIZER_COPIES = 2
# Of a recurrent unit, gates, cell state and output are kept for the way back.
RECURRENT_COPIES = 6


@dataclass(frozen=True)
class Shape:
    """What sets a member's memory.

    Attributes:
        parameters: trainable weights.
        rows: rows of a window or chunk.
        columns: columns of a window.
        recurrent_units: units of all recurrent layers together (a bidirectional layer counts twice).
        other_units: channels of all other layers that answer for every row.
        heads: attention heads over all rows.
    """

    parameters: int
    rows: int
    columns: int
    recurrent_units: int
    other_units: int = 0
    heads: int = 0


@dataclass(frozen=True)
class TrainingMemory:
    """Memory of one training step by term, in bytes."""

    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    batch_bytes: int
    activations_bytes: int

    @property
    def total_bytes(self) -> int:
        """All terms together."""
        return (
            self.weights_bytes + self.gradients_bytes + self.optimizer_bytes + self.batch_bytes + self.activations_bytes
        )


def training_memory(shape: Shape, batch: int) -> TrainingMemory:
    """Memory of a training step with `batch` windows or chunks."""
    weights = FLOAT_BYTES * shape.parameters
    rows = FLOAT_BYTES * batch * shape.rows
    units = RECURRENT_COPIES * shape.recurrent_units + shape.other_units + shape.heads * shape.rows
    return TrainingMemory(weights, weights, OPTIMIZER_COPIES * weights, rows * shape.columns, rows * units)


def largest_batch(shape: Shape, memory_bytes: int, most: int) -> int:
    """The largest batch, a power of two up to `most`, whose step fits; 1 where none does."""
    batch = 1
    while batch * 2 <= most and training_memory(shape, batch * 2).total_bytes <= memory_bytes:
        batch *= 2
    return batch
