"""The servable as one ONNX graph, for ONNX Runtime and whatever else reads ONNX.

Keras traces a recurrent layer as a loop over steps, which ONNX Runtime runs step by step, if it loads it at all. Here
each is traced as a stand-in operation instead, which becomes ONNX's own LSTM or GRU with the layer's weights.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.ensemble.servable import OUTPUTS
from components.errors import InputError

# The first with every operation that tf2onnx asks for in its newest form; ONNX Runtime reads it since 1.14.
OPSET = 18
_STAND_IN = "CudnnRNN"
_UNITS = ("tanh", "sigmoid")


@dataclass(frozen=True)
class _Node:
    """A recurrent layer as ONNX's node.

    Attributes:
        kind: LSTM or GRU.
        attributes: of the node.
        weights: W [1, gates * units, features], R [1, gates * units, units], B [1, 2 * gates * units].
    """

    kind: str
    attributes: dict[str, Any]
    weights: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def to_onnx(model: Any) -> Any:
    """The servable as an onnx.ModelProto with its inputs' and outputs' names and any batch size.

    Args:
        model: the servable as keras.Model; its layers are as before when this returns.

    Raises:
        InputError: tf2onnx isn't installed, or a recurrent layer has no form in ONNX.
    """
    tf2onnx = _tf2onnx()
    layers = _recurrent(model)
    specs = [
        tf.TensorSpec((None, *tensor.shape[1:]), tf.float32, name=name) for name, tensor in sorted(model.input.items())
    ]

    def answer(*inputs: Any) -> list[Any]:
        outputs = model({spec.name: value for spec, value in zip(specs, inputs, strict=True)}, training=False)
        return [tf.identity(outputs[name], name=name) for name in OUTPUTS]

    nodes = [_node_of(layer) for layer in layers]
    with _stand_ins(layers), _quiet():
        proto, _ = tf2onnx.convert.from_function(
            tf.function(answer),
            input_signature=specs,
            opset=OPSET,
            custom_op_handlers={_STAND_IN: (partial(_put_node, nodes), [])},
        )
    return _named(proto, [spec.name for spec in specs])


def _tf2onnx() -> Any:
    try:
        import tf2onnx
    except ImportError as error:
        raise InputError("ONNX", "tf2onnx isn't installed", "install the extra: pip install 'sluice[onnx]'") from error
    return tf2onnx


def _recurrent(model: Any) -> list[Any]:
    found = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.LSTM | keras.layers.GRU)]
    for layer in found:
        activations = (layer.activation.__name__, layer.recurrent_activation.__name__)
        plain = activations == _UNITS and layer.use_bias and not layer.stateful and not layer.return_state
        if not plain:
            raise InputError(layer.name, "this recurrent layer has no form in ONNX", "leave its member out")
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps tf2onnx from a warning for each stand-in, whose shapes it doesn't know."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _stand_ins(layers: Sequence[Any]) -> Iterator[None]:
    for index, layer in enumerate(layers):
        layer.call = _stand_in(layer, index)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _stand_in(layer: Any, index: int) -> Any:
    """What a recurrent layer calls while it is traced: [b, t, f] -> [b, t, units] or [b, units]."""

    def call(sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        forward = tf.reverse(sequences, [1]) if layer.go_backwards else sequences
        empty = tf.zeros((1, tf.shape(sequences)[0], layer.units))
        answered = tf.raw_ops.CudnnRNN(
            input=tf.transpose(forward, (1, 0, 2)),
            input_h=empty,
            input_c=empty,
            params=tf.constant([index], tf.float32),
            is_training=False,
        )
        if not layer.return_sequences:
            return tf.ensure_shape(answered.output_h[0], (None, layer.units))
        return tf.ensure_shape(tf.transpose(answered.output, (1, 0, 2)), (None, sequences.shape[1], layer.units))

    return call


def _put_node(nodes: Sequence[_Node], ctx: Any, stand_in: Any, name: str, _: Any) -> None:
    """Puts ONNX's LSTM or GRU where a stand-in was: [t, b, f] -> [t, b, units] and [1, b, units]."""
    node = nodes[int(stand_in.inputs[3].get_tensor_value()[0])]
    constants = [
        ctx.make_const(f"{name}/{key}", value).output[0] for key, value in zip("WRB", node.weights, strict=True)
    ]
    sequence, whole, last = stand_in.input[0], stand_in.output[0], stand_in.output[1]
    ctx.remove_node(stand_in.name)
    ctx.make_node(
        node.kind, [sequence, *constants], attr=node.attributes, name=name, outputs=[f"{name}/directions", last]
    )
    axes = ctx.make_const(f"{name}/axes", np.array([1], np.int64)).output[0]
    ctx.make_node("Squeeze", [f"{name}/directions", axes], outputs=[whole], name=f"{name}/squeeze")


def _node_of(layer: Any) -> _Node:
    kernel, recurrent, bias = layer.cell.get_weights()
    attributes = {"hidden_size": layer.units, "direction": "forward"}
    if isinstance(layer, keras.layers.GRU):
        both = bias.reshape(-1) if layer.reset_after else np.concatenate([bias, np.zeros_like(bias)])
        attributes["linear_before_reset"] = int(layer.reset_after)
        return _Node("GRU", attributes, (kernel.T[None], recurrent.T[None], both[None]))
    # Keras lays gates out as input, forget, cell, output; ONNX as input, output, forget, cell.
    kernel, recurrent, bias = (_gates(value, (0, 3, 1, 2)) for value in (kernel, recurrent, bias))
    both = np.concatenate([bias, np.zeros_like(bias)])
    return _Node("LSTM", attributes, (kernel.T[None], recurrent.T[None], both[None]))


def _gates(values: NDArray[np.float32], order: tuple[int, ...]) -> NDArray[np.float32]:
    parts = np.split(values, len(order), axis=-1)
    return np.concatenate([parts[index] for index in order], axis=-1)


def _named(proto: Any, inputs: Sequence[str]) -> Any:
    """Gives inputs and outputs the servable's names, and any batch size."""
    graph = proto.graph
    names = dict(zip([value.name for value in graph.input], inputs, strict=True))
    names.update(zip([value.name for value in graph.output], OUTPUTS, strict=True))
    taken = set(names.values()) - set(names)
    for node in graph.node:
        for edges in (node.input, node.output):
            for index, edge in enumerate(edges):
                edges[index] = names.get(edge, f"{edge}__inner" if edge in taken else edge)
    for constant in graph.initializer:
        constant.name = f"{constant.name}__inner" if constant.name in taken else constant.name
    for value in (*graph.input, *graph.output):
        value.name = names[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto
