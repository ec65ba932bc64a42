"""How much memory a training step takes, in closed form, and how large a micro-batch fits into a given one.

Terms: weights, gradients, optimiser, batch, activations. What a framework takes besides (its libraries, its pool) is no
part of it and is measured, not computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

FLOAT_BYTES = 4
# Adam keeps a mean and a variance of each weight's gradient; the moving average is one copy more.
OPTIMIZER_COPIES = 3
# Of a recurrent unit, gates, cell state and output are kept for the way back, and gradients of most of them.
RECURRENT_COPIES = 12
# Of any other layer its answer and that answer's gradient.
COPIES = 2


@dataclass(frozen=True)
class Footprint:
    """What sets a network's memory.

    Attributes:
        parameters: trainable weights.
        inputs: values of one window or chunk.
        recurrent: values that recurrent layers answer for one window or chunk, over all rows.
        other: values that all other layers answer, attention scores included.
    """

    parameters: int
    inputs: int
    recurrent: int
    other: int = 0


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


def training_memory(footprint: Footprint, batch: int) -> TrainingMemory:
    """Memory of a training step with `batch` windows or chunks at once."""
    weights = FLOAT_BYTES * footprint.parameters
    values = RECURRENT_COPIES * footprint.recurrent + COPIES * footprint.other
    return TrainingMemory(
        weights_bytes=weights,
        gradients_bytes=weights,
        optimizer_bytes=OPTIMIZER_COPIES * weights,
        batch_bytes=FLOAT_BYTES * batch * footprint.inputs,
        activations_bytes=FLOAT_BYTES * batch * values,
    )


def largest_micro_batch(footprint: Footprint, memory_bytes: int, batch: int) -> int:
    """The batch, or the first of its halves whose step fits; 1 where none does."""
    micro_batch = batch
    while micro_batch > 1 and training_memory(footprint, micro_batch).total_bytes > memory_bytes:
        micro_batch //= 2
    return micro_batch


def footprint_of(model: keras.Model) -> Footprint:
    """The footprint of a training model, read off its layers."""
    recurrent = other = 0
    for layer in model.layers:
        values = sum(_values(output) for output in _outputs(layer))
        if type(layer).__name__ in ("LSTM", "GRU", "SimpleRNN", "RNN"):
            recurrent += _recurrent_values(layer)
        elif type(layer).__name__ == "Bidirectional":
            recurrent += _recurrent_values(layer.forward_layer, layer) + _recurrent_values(layer.backward_layer, layer)
        elif type(layer).__name__ == "MultiHeadAttention":
            # Query, key and value of every head, and two tables of scores: before and after the softmax.
            rows = layer.input[0].shape[1] if isinstance(layer.input, list | tuple) else layer.input.shape[1]
            other += values + layer.num_heads * (3 * rows * layer.key_dim + 2 * rows * rows)
        else:
            other += values
    inputs = sum(_values(tensor) for tensor in model.inputs)
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Footprint(parameters, inputs, recurrent, other)


def _recurrent_values(layer: Any, outer: Any = None) -> int:
    """A recurrent layer keeps its states at every row, also if it answers for the last row alone."""
    rows = (outer or layer).input.shape[1]
    return int(rows * layer.units)


def _outputs(layer: Any) -> Iterator[Any]:
    for node in layer._inbound_nodes:
        yield from node.output_tensors


def _values(tensor: Any) -> int:
    return math.prod(size for size in tensor.shape[1:] if size is not None)
