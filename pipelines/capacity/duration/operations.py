"""What a step has a device do, counted layer by layer from a network's sizes: nothing is run for it.

A training step is the way forward, the way back, and the update of the weights, as `components.train.gradient_step`
does them; a forecast is the way forward alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

from components.train.architecture import Architecture, Kind, Layer

FLOAT_BYTES = 4
# The way back computes gradients of what came in and of the weights: two matrix products for each of the way forward.
_PRODUCTS_BACK = 2
# Weights that a row of a recurrent layer moves on the way back: read for the gradient of the state; their own gradient
# is written, then read and added to the sum of the rows after it, which is read and written.
_WEIGHT_COPIES_BACK = 5
# AdamW on a clipped gradient with a moving average of the weights (components.train.gradient_step): the gradient is
# read for its norm, clipped (2), read for both moments (2); these are moved (4) and read (2); the weight decays (2) and
# moves (2); the average moves (2) and reads the weight (1).
_WEIGHT_COPIES_UPDATE = 18
# Kernels outside the loops of recurrent layers, by the tensors of weights: counted in the graphs of the six members
# (TensorFlow 2.21, Keras 3.15). Training: 472 to 2,527 with 9 to 55 tensors. Forecasts: 52 to 237.
_FORWARD_OPERATIONS, _FORWARD_OPERATIONS_PER_TENSOR = 18, 4
_UPDATE_OPERATIONS, _UPDATE_OPERATIONS_PER_TENSOR = 52, 41


@dataclass(frozen=True)
class Cell:
    """What one row of a recurrent layer takes, counted in the loops that TensorFlow 2.21 makes of Keras 3.15's layer.

    Attributes:
        gates: products of the row and the state with weights.
        operations_forward: nodes of the loop's body, without constants and identities.
        operations_back: the same of its gradient.
        kernels_forward: of the nodes those that compute or copy values; lists, weights that are read and counters are
            none. A card launches one kernel for each.
        values_forward: values that these write, for each unit.
        values_back: values that its gradient writes or adds up, for each unit.
    """

    gates: int
    operations_forward: int
    operations_back: int
    kernels_forward: int
    values_forward: int
    values_back: int


CELLS: Mapping[Kind, Cell] = MappingProxyType(
    {
        "lstm": Cell(4, 32, 36, 16, 30, 24),
        "gru": Cell(3, 39, 46, 19, 30, 37),
        "rnn": Cell(1, 18, 19, 7, 6, 6),
    }
)
# Tensors of weights of a layer that has any; of Keras' attention each of four projections has a kernel and a bias.
_TENSORS: Mapping[Kind, int] = MappingProxyType(
    {"lstm": 3, "gru": 3, "rnn": 3, "dense": 2, "conv1d": 2, "conv2d": 2, "attention": 8, "normalization": 2}
)


@dataclass(frozen=True)
class Work:
    """What is done in a step; figures `per window` count for each window or chunk of the batch.

    Attributes:
        operations: dispatched outside the loops of recurrent layers.
        serial_operations: dispatched inside, one row after the other.
        serial_kernels: of these, those that a card launches a kernel for where a row's are not fused.
        serial_rows: rows of all recurrent layers.
        weight_bytes: of weights, their gradients and the optimiser's state that are moved once, whatever the batch.
        serial_weight_bytes: of weights and their gradients that are moved for every row of a recurrent layer.
        multiply_adds: per window, in matrix products.
        recurrent_bytes: per window, of values that recurrent layers write.
        value_bytes: per window, of values that all other layers write.
        input_bytes: per window, of what is read from the table.
    """

    operations: int = 0
    serial_operations: int = 0
    serial_kernels: int = 0
    serial_rows: int = 0
    weight_bytes: int = 0
    serial_weight_bytes: int = 0
    multiply_adds: int = 0
    recurrent_bytes: int = 0
    value_bytes: int = 0
    input_bytes: int = 0

    def __add__(self, other: Work) -> Work:
        """What both take together."""
        return Work(*(own + more for own, more in zip(vars(self).values(), vars(other).values(), strict=True)))

    def floating_point_operations(self, batch: int) -> int:
        """Of a batch; a multiply-add is two."""
        return 2 * batch * self.multiply_adds

    def bytes_moved(self, batch: int, fused: bool) -> int:
        """Of a batch, but for the weights of loops, which a cache holds; fused kernels keep a loop's values as well."""
        loops = 0 if fused else self.recurrent_bytes
        return self.weight_bytes + batch * (loops + self.value_bytes + self.input_bytes)


@dataclass(frozen=True)
class LayerWork:
    """What one layer has a device do, without the update of its weights.

    Attributes:
        name: of the layer.
        kind: what it computes.
        forward: on the way forward.
        backward: on the way back.
    """

    name: str
    kind: Kind
    forward: Work
    backward: Work


@dataclass(frozen=True)
class StepWork:
    """What a training step has a device do.

    Attributes:
        forward: the way forward.
        backward: the way back.
        update: loss, clipping, optimiser and moving average.
    """

    forward: Work
    backward: Work
    update: Work

    @property
    def total(self) -> Work:
        """All of it."""
        return self.forward + self.backward + self.update


def layer_works(architecture: Architecture) -> tuple[LayerWork, ...]:
    """What each layer takes, in the order of the way forward."""
    return tuple(_recurrent(layer) if layer.kind in CELLS else _other(layer) for layer in architecture.layers)


def training_work(architecture: Architecture) -> StepWork:
    """What a training step takes."""
    tensors = _tensors(architecture)
    update = Work(
        operations=_UPDATE_OPERATIONS + _UPDATE_OPERATIONS_PER_TENSOR * tensors,
        weight_bytes=_WEIGHT_COPIES_UPDATE * FLOAT_BYTES * architecture.parameters,
    )
    backward = _sum(layer.backward for layer in layer_works(architecture))
    return StepWork(inference_work(architecture), backward, update)


def inference_work(architecture: Architecture) -> Work:
    """What a forecast takes."""
    around = Work(
        operations=_FORWARD_OPERATIONS + _FORWARD_OPERATIONS_PER_TENSOR * _tensors(architecture),
        input_bytes=FLOAT_BYTES * architecture.input_values,
    )
    return around + _sum(layer.forward for layer in layer_works(architecture))


def _recurrent(layer: Layer) -> LayerWork:
    cell, rows = CELLS[layer.kind], layer.rows
    weights = cell.gates * layer.outputs * (layer.inputs + layer.outputs)
    values = FLOAT_BYTES * rows * layer.outputs
    forward = Work(
        serial_operations=rows * cell.operations_forward,
        serial_kernels=rows * cell.kernels_forward,
        serial_rows=rows,
        serial_weight_bytes=FLOAT_BYTES * rows * weights,
        multiply_adds=rows * weights,
        recurrent_bytes=values * cell.values_forward,
    )
    backward = Work(
        serial_operations=rows * cell.operations_back,
        serial_rows=rows,
        serial_weight_bytes=_WEIGHT_COPIES_BACK * FLOAT_BYTES * rows * weights,
        multiply_adds=_PRODUCTS_BACK * rows * weights,
        recurrent_bytes=values * cell.values_back,
    )
    return LayerWork(layer.name, layer.kind, forward, backward)


def _other(layer: Layer) -> LayerWork:
    """A layer without a loop; where no gradient goes on before it, the way back computes that of its weights alone."""
    products = _multiply_adds(layer)
    values = FLOAT_BYTES * _values(layer)
    weights = FLOAT_BYTES * (layer.parameters + layer.frozen)
    ways = int(layer.passes_gradient) + int(layer.parameters > 0)
    forward = Work(weight_bytes=weights, multiply_adds=products, value_bytes=values)
    backward = Work(weight_bytes=ways * weights, multiply_adds=ways * products, value_bytes=ways * values)
    return LayerWork(layer.name, layer.kind, forward, backward)


def _multiply_adds(layer: Layer) -> int:
    if layer.kind == "attention":
        width = layer.heads * layer.key_size
        # Query, key, value and answer; then scores, and what they weigh.
        return 4 * layer.rows * layer.inputs * width + 2 * layer.rows * _attended(layer) * width
    if layer.kind in ("dense", "conv1d", "conv2d"):
        return layer.rows * layer.inputs * layer.outputs * layer.kernel
    # Each weight of a layer of an unknown kind meets each row once; normalisations and sums are no products.
    return layer.rows * (layer.parameters + layer.frozen) if layer.kind == "other" else 0


def _values(layer: Layer) -> int:
    own = layer.rows * layer.outputs
    if layer.kind != "attention":
        return own
    # Query, key, value and what was weighed; scores before and after the softmax.
    return own + layer.heads * layer.rows * (4 * layer.key_size + 2 * _attended(layer))


def _attended(layer: Layer) -> int:
    return layer.attended or layer.rows


def _tensors(architecture: Architecture) -> int:
    return sum(_TENSORS.get(layer.kind, 1) for layer in architecture.layers if layer.parameters)


def _sum(works: Iterable[Work]) -> Work:
    return reduce(Work.__add__, works, Work())
