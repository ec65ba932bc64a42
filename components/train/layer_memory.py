"""What one layer holds while a step passes through it, in values for one window or chunk, counted layer by layer.

Counts are of the tensors that TensorFlow 2.21 and Keras 3.15 keep, as XLA's buffer assignment names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from components.train.architecture import Kind, Layer

# How a step is computed: operation by operation (`graph`), compiled by XLA, or on a GPU with cuDNN's recurrent layers.
Execution = Literal["graph", "xla", "cudnn"]

# Matrices side by side in a recurrent layer's weights: LSTM's input, forget, cell and output, GRU's update, reset and
# candidate (Keras, `LSTMCell` and `GRUCell`).
GATES: Mapping[Kind, int] = MappingProxyType({"lstm": 4, "gru": 3, "rnn": 1})
# Of a unit and row, what a loop keeps for the way back. LSTM: four gates, the cell before and its tanh, the answer
# before. GRU: two gates, one less the update gate, the candidate and its recurrent part, the answer before. Plain: the
# answer and the one before.
_STATES: Mapping[Kind, int] = MappingProxyType({"lstm": 7, "gru": 6, "rnn": 2})
# What a loop reads: all rows in the order of time, and each again where the weights' gradient needs it.
_LOOP_INPUTS = 2
# cuDNN does not publish the size of its reserve space (`cudnnGetRNNTempSpaceSizes` gives it on a device alone). Its
# counterpart with open source, MIOpen (src/rnn.cpp, `GetReserveSize`), takes these, twice: before and after activation.
_RESERVE: Mapping[Kind, int] = MappingProxyType({"lstm": 6, "gru": 4, "rnn": 1})
# Queries, keys, values and what the scores make of the values: of each head and row the size of a key.
_ATTENTION_TABLES = 4
# Kernels of attention get their gradients for each window, summed afterwards: XLA makes one of them at a time, threads
# side by side those of queries, keys and values.
_KERNELS_AT_ONCE: Mapping[Execution, int] = MappingProxyType({"xla": 1, "graph": 3, "cudnn": 3})
# XLA finds the largest of each pool by tables of its place in the picture: batch, height, width, channel.
_POOLING_TABLES = 4


def answer_values(layer: Layer) -> int:
    """What it computes on the way forward and the next layer reads."""
    return layer.rows * layer.outputs


def forward_values(layer: Layer) -> int:
    """What it holds on the way forward alone: what it reads, its answer, and what it needs to get there."""
    inputs = layer.rows * layer.inputs
    if layer.kind == "dropout":
        return 0
    if layer.kind == "attention":
        # Queries, keys and values with the scores; what the scores make of them takes the place of the first two.
        return inputs + 3 * layer.rows * layer.heads * layer.key_size + _scores(layer)
    if layer.kind in GATES:
        rows = 1 if layer.last_row else layer.rows
        return 2 * inputs + rows * layer.outputs + GATES[layer.kind] * layer.outputs
    return inputs + answer_values(layer)


def waiting_values(layer: Layer) -> int:
    """What waits on another way until a sum or a product joins the two; 0 where nothing is joined."""
    joins = layer.kind == "elementwise" and layer.inputs >= 2 * layer.outputs
    return answer_values(layer) if joins else 0


def kept_values(layer: Layer, execution: Execution) -> int:
    """What it keeps for the way back."""
    answers, inputs = answer_values(layer), layer.rows * layer.inputs
    if layer.kind in GATES:
        if execution == "cudnn":
            return answers + inputs
        passed_on = 0 if layer.last_row else answers
        return _STATES[layer.kind] * answers + passed_on + _LOOP_INPUTS * inputs
    if layer.kind == "attention":
        return answers + _tables(layer) + _scores(layer)
    if layer.kind in ("conv1d", "conv2d"):
        # What it reads is kept with the borders that its padding adds.
        return answers + inputs
    if _on_the_way_back(layer):
        return answers + (0 if layer.passes_gradient else inputs)
    # Before the first weights nothing is kept; operation by operation it stays until the step is over.
    return 0 if execution == "xla" else answers


def stacked_values(layer: Layer) -> int:
    """Weights that XLA's loop copies at each row, whatever the batch: its way back reads them row by row.

    The input's weights are needed where the gradient goes on to what the layer reads.
    """
    inputs = layer.inputs if layer.passes_gradient else 0
    return layer.rows * GATES.get(layer.kind, 0) * layer.outputs * (layer.outputs + inputs)


def reserve_values(layer: Layer) -> int:
    """Reserve space of cuDNN, after its open counterpart; not measured."""
    return 2 * _RESERVE.get(layer.kind, 0) * answer_values(layer)


def workspace_values(layer: Layer, execution: Execution) -> int:
    """What the way back holds while it passes: gradients of its answer, of what it reads, and of what lies between."""
    if not _on_the_way_back(layer):
        return 0
    answers = answer_values(layer)
    inputs = layer.rows * layer.inputs if layer.passes_gradient else 0
    if layer.kind in ("elementwise", "dropout"):
        pooled = layer.kernel * answers if layer.kernel > 1 else 0
        tables = _POOLING_TABLES if pooled and execution == "xla" else 0
        return (1 + tables) * (answers + pooled)
    if layer.kind == "attention":
        kernels = _KERNELS_AT_ONCE[execution] * layer.inputs * layer.heads * layer.key_size
        scores = 0 if execution == "xla" else 2 * _scores(layer)
        return inputs + _tables(layer) + kernels + scores
    if layer.kind in GATES and execution == "graph":
        # A loop gathers both gradients row by row and copies them into one piece.
        return 2 * (answers + inputs)
    if layer.kind in GATES and execution == "cudnn":
        return answers + inputs + _RESERVE[layer.kind] * answers
    return answers + inputs


def _on_the_way_back(layer: Layer) -> bool:
    return layer.parameters > 0 or layer.passes_gradient


def _tables(layer: Layer) -> int:
    return _ATTENTION_TABLES * layer.rows * layer.heads * layer.key_size


def _scores(layer: Layer) -> int:
    return layer.heads * layer.rows * (layer.attended or layer.rows)
