"""How much memory a training step or an answer takes, in closed form, and how large a micro-batch fits into it.

Terms: weights, gradients, optimiser, batch, activations by layer, workspace. What a framework takes besides (its
libraries, its context, its pool) is no part of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from components.train.architecture import Architecture, Layer
from components.train.layer_memory import (
    Execution,
    answer_values,
    forward_values,
    kept_values,
    reserve_values,
    stacked_values,
    waiting_values,
    workspace_values,
)

if TYPE_CHECKING:
    from components.train.precision import Precision

Optimizer = Literal["sgd", "momentum", "adam", "adamw", "adafactor"]

FLOAT_BYTES = 4
HALF_BYTES = 2
# What the trainer keeps free beside all tensors, since a heap in pieces holds more than the pieces. Measured of the
# rule-based member, whose pieces are smallest: 8 MB more with 8 chunks; 1.31 times the formula with 1,024 chunks of 24
# rows; .82 to 1.07 times with 256 of 100 rows, but 1.39 in one run of eight.
UNCOUNTED_BYTES = 16_000_000
HEAP_FACTOR = 1.4
# Copies of the weights that an optimiser keeps (Keras, `build` of each): none, a momentum, a mean and a variance.
# Keras' Adafactor keeps a whole velocity; its factors, a row and a column of each matrix, are too small to count.
OPTIMIZER_COPIES: Mapping[Optimizer, int] = MappingProxyType(
    {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2, "adafactor": 1}
)


@dataclass(frozen=True)
class Step:
    """How a training step is computed.

    Attributes:
        batch: windows or chunks of a step.
        accumulation: micro-batches in which it is computed one after the other; 1 for the whole at once.
        precision: of activations; weights, gradients and the optimiser stay float32.
        optimizer: what moves the weights.
        averaged: whether a moving average of all weights is kept.
        prefetched: batches drawn ahead that lie in the same memory.
        execution: operation by operation, compiled, or with cuDNN's recurrent layers.
    """

    batch: int
    accumulation: int = 1
    precision: Precision = "float32"
    optimizer: Optimizer = "adamw"
    averaged: bool = True
    prefetched: int = 0
    execution: Execution = "graph"

    @property
    def micro_batch(self) -> int:
        """Windows or chunks at once."""
        return math.ceil(self.batch / self.accumulation)

    @property
    def value_bytes(self) -> int:
        """Bytes of an activation."""
        return FLOAT_BYTES if self.precision == "float32" else HALF_BYTES


@dataclass(frozen=True)
class LayerMemory:
    """Memory of one layer in a step, in bytes.

    Attributes:
        name: of the layer.
        forward_bytes: what it computes and the next layer reads.
        kept_bytes: what it keeps for the way back.
        stacked_bytes: copies of its weights at every row, by a compiled loop.
        reserve_bytes: cuDNN's reserve space.
        workspace_bytes: what the way back holds while it passes.
    """

    name: str
    forward_bytes: int
    kept_bytes: int
    stacked_bytes: int
    reserve_bytes: int
    workspace_bytes: int

    @property
    def held_bytes(self) -> int:
        """All that it holds until the way back has passed."""
        return self.kept_bytes + self.stacked_bytes + self.reserve_bytes


@dataclass(frozen=True)
class TrainingMemory:
    """Memory of one training step by term, in bytes.

    Attributes:
        weights_bytes: float32 weights, and their half precision copies where there are any.
        gradients_bytes: of all trainable weights; with micro-batches also their sum so far.
        optimizer_bytes: the optimiser's copies and the moving average.
        batch_bytes: inputs and targets of a micro-batch.
        prefetch_bytes: batches drawn ahead.
        workspace_bytes: what the way back, or the weights' update after it, takes where it takes most, beyond what the
            way forward has kept.
        layers: activations by layer.
    """

    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    batch_bytes: int
    prefetch_bytes: int
    workspace_bytes: int
    layers: tuple[LayerMemory, ...]

    @property
    def activations_bytes(self) -> int:
        """What all layers keep for the way back."""
        return sum(layer.kept_bytes for layer in self.layers)

    @property
    def stacked_weights_bytes(self) -> int:
        """Copies of weights at every row of compiled loops."""
        return sum(layer.stacked_bytes for layer in self.layers)

    @property
    def cudnn_reserve_bytes(self) -> int:
        """Reserve space of cuDNN, of all recurrent layers."""
        return sum(layer.reserve_bytes for layer in self.layers)

    @property
    def growth_bytes(self) -> int:
        """What a step takes beside what a trainer holds before its first one: weights and optimiser."""
        held = sum(layer.held_bytes for layer in self.layers)
        return self.gradients_bytes + self.batch_bytes + self.prefetch_bytes + held + self.workspace_bytes

    @property
    def total_bytes(self) -> int:
        """All terms together."""
        return self.weights_bytes + self.optimizer_bytes + self.growth_bytes


def training_memory(architecture: Architecture, step: Step) -> TrainingMemory:
    """Memory of a training step of a network."""
    weights, trainable = (FLOAT_BYTES * count for count in (architecture.weights, architecture.parameters))
    half = 0 if step.precision == "float32" else HALF_BYTES * architecture.weights
    values = architecture.input_values + architecture.output_values
    layers = tuple(_layer_memory(layer, step) for layer in architecture.layers)
    return TrainingMemory(
        weights_bytes=weights + half,
        gradients_bytes=trainable * (1 if step.accumulation == 1 else 2),
        optimizer_bytes=OPTIMIZER_COPIES[step.optimizer] * trainable + step.averaged * weights,
        batch_bytes=FLOAT_BYTES * step.micro_batch * values,
        prefetch_bytes=FLOAT_BYTES * step.prefetched * step.batch * values,
        workspace_bytes=max(_workspace_bytes(layers, step.execution), _update_bytes(architecture, step, layers)),
        layers=layers,
    )


def _layer_memory(layer: Layer, step: Step) -> LayerMemory:
    value = step.value_bytes * step.micro_batch
    return LayerMemory(
        layer.name,
        forward_bytes=value * answer_values(layer),
        kept_bytes=value * kept_values(layer, step.execution),
        stacked_bytes=step.value_bytes * stacked_values(layer) if step.execution == "xla" else 0,
        reserve_bytes=value * reserve_values(layer) if step.execution == "cudnn" else 0,
        workspace_bytes=value * workspace_values(layer, step.execution),
    )


def _workspace_bytes(layers: Sequence[LayerMemory], execution: Execution) -> int:
    """The most that the way back takes beyond all that is kept.

    What layers after one have kept is free when the way back comes to it. Operation by operation on a CPU it is not: a
    loop's rows are thousands of pieces between others, and the process' memory was measured not to be used again.
    """
    most, free = 0, 0
    for layer in reversed(layers):
        most = max(most, layer.workspace_bytes - free)
        free += 0 if execution == "graph" else layer.held_bytes
    return most


def _update_bytes(architecture: Architecture, step: Step, layers: Sequence[LayerMemory]) -> int:
    """New values of the optimiser's copies of the largest layer, before they replace the old ones.

    The way back has passed by then, and what layers have kept is free.
    """
    largest = max((layer.parameters for layer in architecture.layers), default=0)
    free = sum(layer.held_bytes for layer in layers)
    return OPTIMIZER_COPIES[step.optimizer] * FLOAT_BYTES * largest - free


@dataclass(frozen=True)
class InferenceMemory:
    """Memory of answering one batch by term, in bytes.

    Attributes:
        weights_bytes: of the network, and their half precision copies where there are any.
        batch_bytes: inputs and answers.
        activations_bytes: of the layer that holds most, with what it reads and what waits on another way meanwhile.
    """

    weights_bytes: int
    batch_bytes: int
    activations_bytes: int

    @property
    def total_bytes(self) -> int:
        """All terms together."""
        return self.weights_bytes + self.batch_bytes + self.activations_bytes


def inference_memory(architecture: Architecture, batch: int, precision: Precision = "float32") -> InferenceMemory:
    """Memory of answers to `batch` windows at once."""
    half = 0 if precision == "float32" else HALF_BYTES * architecture.weights
    value = FLOAT_BYTES if precision == "float32" else HALF_BYTES
    largest = max((forward_values(layer) for layer in architecture.layers), default=0)
    waiting = max((waiting_values(layer) for layer in architecture.layers), default=0)
    return InferenceMemory(
        weights_bytes=FLOAT_BYTES * architecture.weights + half,
        batch_bytes=FLOAT_BYTES * batch * (architecture.input_values + architecture.output_values),
        activations_bytes=value * batch * (largest + waiting),
    )


def largest_micro_batch(architecture: Architecture, memory_bytes: int, batch: int) -> int:
    """The batch, or the first of its halves whose step fits in whichever way it is computed; 1 where none does."""
    micro_batch = batch
    while micro_batch > 1 and most_bytes(architecture, micro_batch) > memory_bytes:
        micro_batch //= 2
    return micro_batch


def most_bytes(architecture: Architecture, micro_batch: int) -> int:
    """What the trainer's step takes at most, on a CPU or on a GPU, with the batch drawn ahead."""
    ways: tuple[Execution, ...] = ("graph", "cudnn")
    found = [training_memory(architecture, Step(micro_batch, prefetched=1, execution=way)) for way in ways]
    growth = max(each.growth_bytes for each in found)
    return found[0].total_bytes - found[0].growth_bytes + math.ceil(HEAP_FACTOR * growth) + UNCOUNTED_BYTES
