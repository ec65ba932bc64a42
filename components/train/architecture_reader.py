"""Reads a Keras model as an architecture: which layers, in which order, of which sizes.

Nothing is imported from Keras: layers are known by the names of their classes and of those that they extend.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from components.errors import InputError
from components.train.architecture import Architecture, Kind, Layer

if TYPE_CHECKING:
    import keras

_RECURRENT: Mapping[str, Kind] = MappingProxyType({"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"})
_CONVOLUTIONS: Mapping[str, Kind] = MappingProxyType({"Conv1D": "conv1d", "Conv2D": "conv2d"})
# Their answer is what they read, in another shape or as it is: no memory of their own.
_VIEWS = frozenset({"InputLayer", "Reshape", "Flatten", "Identity", "StopGradient", "Squeeze", "ExpandDims"})
_DROPOUTS = frozenset({"Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"})
_POOLS = frozenset({"MaxPooling1D", "MaxPooling2D", "MaxPooling3D"})

Shape = tuple[int, ...]


def architecture_of(model: keras.Model, name: str) -> Architecture:
    """The architecture of a functional or sequential model; models within it are opened.

    Raises:
        InputError: if its layers can't be followed, or a size of theirs is open.
    """
    layers = tuple(_Reader().layers_of(model))
    values = [sum(math.prod(_shape(each)) for each in tensors) for tensors in (model.inputs, model.outputs)]
    return Architecture(name, values[0], values[1], layers)


class _Reader:
    """Follows a model's graph once."""

    def __init__(self) -> None:
        # Whether weights lie before a tensor, by its identity.
        self._trained: dict[int, bool] = {}
        # Layers whose weights have been counted: a layer may be called more than once.
        self._counted: set[int] = set()

    def layers_of(self, model: Any) -> Iterator[Layer]:
        """The layers on the way forward."""
        for node in _nodes(model):
            own, given, answers = node.operation, node.input_tensors, node.output_tensors
            passes = any(self._trained.get(id(tensor), False) for tensor in given)
            trains = bool(_trainable(own))
            if _is(own, "Functional", "Sequential"):
                yield from self._layers_within(own, passes)
            else:
                yield from (self._placed(layer, own, passes) for layer in _read(own, given, answers))
                self._counted.add(id(own))
            self._trained.update((id(tensor), passes or trains) for tensor in answers)

    def _layers_within(self, model: Any, passes: bool) -> Iterator[Layer]:
        self._trained.update((id(tensor), passes) for tensor in model.inputs)
        for layer in self.layers_of(model):
            yield replace(layer, name=f"{model.name}/{layer.name}")

    def _placed(self, layer: Layer, own: Any, passes: bool) -> Layer:
        # An activation comes after its layer's own weights.
        after_weights = layer.kind == "elementwise" and bool(_trainable(own))
        placed = replace(layer, passes_gradient=passes or after_weights)
        return replace(placed, parameters=0, frozen=0) if id(own) in self._counted else placed


def _nodes(model: Any) -> list[Any]:
    graph = getattr(model, "_functional", None) if _is(model, "Sequential") else model
    by_depth = getattr(graph, "_nodes_by_depth", None)
    if by_depth is None:
        raise InputError(
            f"model '{model.name}'", "its layers can't be followed", "give a built functional or sequential model"
        )
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def _read(own: Any, given: Sequence[Any], answers: Sequence[Any]) -> Iterator[Layer]:
    inside = own.layer if _is(own, "TimeDistributed") else own
    if _is(own, *_VIEWS) or not answers:
        return
    inputs, outputs = [_shape(tensor) for tensor in given], [_shape(tensor) for tensor in answers]
    if kind := _kind(inside, _RECURRENT):
        yield _recurrent(own, kind, inputs[0])
    elif _is(own, "Bidirectional"):
        for way in (own.forward_layer, own.backward_layer):
            yield from _read(way, given, answers)
    elif kind := _kind(inside, _CONVOLUTIONS):
        yield from _convolution(inside, kind, inputs[0], outputs[0])
    elif _is(inside, "Dense"):
        yield _layer(inside, "dense", inputs, outputs)
        yield from _activation(inside, outputs[0])
    elif _is(own, "MultiHeadAttention"):
        yield from _attention(own, inputs, outputs[0])
    else:
        yield from _plain(inside, inputs, outputs)


def _recurrent(own: Any, kind: Kind, given: Shape) -> Layer:
    layer = Layer(own.name, kind, given[0], given[-1], int(own.units), last_row=not own.return_sequences)
    return _weighed(own, layer)


def _convolution(own: Any, kind: Kind, given: Shape, answer: Shape) -> Iterator[Layer]:
    channels = -1 if own.data_format == "channels_last" else 0
    filters = int(own.filters)
    rows, kernel = math.prod(answer) // filters, math.prod(own.kernel_size)
    yield _weighed(own, Layer(own.name, kind, rows, given[channels] // own.groups, filters, kernel=kernel))
    yield from _activation(own, (rows, filters))


def _attention(own: Any, inputs: Sequence[Shape], answer: Shape) -> Iterator[Layer]:
    """Attention, and what dropout makes of its scores."""
    queries, keys = inputs[0], inputs[min(len(inputs), 3) - 1]
    rows, attended, heads = math.prod(queries[:-1]), math.prod(keys[:-1]), int(own.num_heads)
    layer = Layer(own.name, "attention", rows, queries[-1], answer[-1], heads=heads, key_size=int(own.key_dim))
    yield _weighed(own, replace(layer, attended=0 if attended == rows else attended))
    if own.dropout:
        yield Layer(f"{own.name}/dropout", "dropout", heads * rows, attended, 2 * attended)


def _plain(own: Any, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Iterator[Layer]:
    """What has no shape of its own: with weights `other` or a normalisation, without them `elementwise`."""
    if _is(own, *_DROPOUTS):
        if own.rate:
            layer = _layer(own, "dropout", inputs, outputs)
            yield replace(layer, outputs=2 * layer.outputs)
    elif _is(own, *_POOLS):
        yield replace(_layer(own, "elementwise", inputs, outputs), kernel=math.prod(own.pool_size))
    elif any("Normalization" in name for name in _names(own)):
        yield _layer(own, "normalization", inputs, outputs)
    else:
        yield _layer(own, "other" if _weights(own) else "elementwise", inputs, outputs)


def _activation(own: Any, answer: Shape) -> Iterator[Layer]:
    """A dense or convolution layer's activation: values of its own, kept beside those before it."""
    name = getattr(own.activation, "__name__", "linear")
    if name != "linear":
        rows = math.prod(answer[:-1])
        yield Layer(f"{own.name}/{name}", "elementwise", rows, answer[-1], answer[-1])


def _layer(own: Any, kind: Kind, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> Layer:
    rows = math.prod(outputs[0][:-1])
    values = sum(math.prod(shape) for shape in outputs)
    return _weighed(own, Layer(own.name, kind, rows, sum(shape[-1] for shape in inputs), values // rows))


def _weighed(own: Any, layer: Layer) -> Layer:
    parameters, weights = (sum(math.prod(each.shape) for each in some) for some in (_trainable(own), _weights(own)))
    return replace(layer, parameters=parameters, frozen=weights - parameters)


def _trainable(own: Any) -> list[Any]:
    return list(getattr(own, "trainable_weights", ()))


def _weights(own: Any) -> list[Any]:
    return list(getattr(own, "weights", ()))


def _shape(tensor: Any) -> Shape:
    """Sizes but the batch; a scalar for each window is one row of one value."""
    sizes = tuple(tensor.shape[1:])
    if any(size is None for size in sizes):
        raise InputError(
            f"tensor '{tensor.name}'", f"its shape {tensor.shape} is open", "build the model for windows of fixed size"
        )
    return tuple(int(size) for size in sizes) or (1,)


def _kind(own: Any, kinds: Mapping[str, Kind]) -> Kind | None:
    return next((kinds[name] for name in _names(own) if name in kinds), None)


def _is(own: Any, *names: str) -> bool:
    return any(name in names for name in _names(own))


def _names(own: Any) -> list[str]:
    return [each.__name__ for each in type(own).__mro__]
