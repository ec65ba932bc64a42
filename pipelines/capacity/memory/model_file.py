"""Reads the architecture of a saved Keras model (`.keras`, Keras 3) from its file, without Keras or TensorFlow.

The file holds the layers with their settings (`config.json`) and the weights by layer (`model.weights.h5`). What stands
there is given to `components.train.architecture_reader` in the form of Keras' own objects, so that one reader serves
both.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.train.architecture import Architecture
from components.train.architecture_reader import architecture_of
from pipelines.capacity.memory.answer_shapes import Shape, answer_shape
from pipelines.capacity.memory.saved_layers import Layer, SavedWeights, layer_of

_MODELS = ("Functional", "Sequential")
_TENSOR = "__keras_tensor__"
# Name of a layer, number of its call, number of the answer.
_Place = tuple[str, int, int]


@dataclass(frozen=True)
class SavedModel:
    """What a file says of its network.

    Attributes:
        architecture: of the network.
        uncounted: layers, with their classes, for which there is no closed form: counted by weights and answers alone.
    """

    architecture: Architecture
    uncounted: tuple[str, ...]


def read_model(path: Path, name: str) -> SavedModel:
    """The architecture that a file holds.

    Args:
        path: of a `.keras` file.
        name: that the architecture gets.

    Raises:
        InputError: there is no such file, it is damaged, or its layers or their sizes can't be followed.
    """
    config, weights = _opened(path)
    try:
        model = _Graph(path, config, weights).model()
        architecture = architecture_of(model, name)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise _unreadable(path, f"its layers can't be followed ({type(error).__name__}: {error})") from error
    return SavedModel(architecture, tuple(_uncounted(model, architecture)))


def _opened(path: Path) -> tuple[dict[str, Any], SavedWeights]:
    import h5py  # type: ignore[import-untyped]

    if not path.is_file():
        raise InputError(f"--model {path}", "there is no such file", "give the path of a saved Keras model")
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            with h5py.File(BytesIO(archive.read("model.weights.h5"))) as file:
                return config, SavedWeights.of(file)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, f"is no saved Keras model ({error})") from error


def _unreadable(path: Path, problem: str) -> InputError:
    return InputError(f"--model {path}", problem, "save a functional or sequential model by Keras 3 as FILE.keras")


def _uncounted(model: _Model, architecture: Architecture) -> Iterator[str]:
    """Layers that have weights but no closed form, and those that aren't Keras' own."""
    for layer in model.all_layers():
        other = any(each.kind == "other" and each.name.rpartition("/")[2] == layer.name for each in architecture.layers)
        if other or layer.foreign:
            yield f"{layer.name} ({type(layer).__name__})"


@dataclass(eq=False)
class _Tensor:
    name: str
    shape: tuple[int | None, ...]


@dataclass(eq=False)
class _Node:
    operation: Any
    input_tensors: list[_Tensor]
    output_tensors: list[_Tensor]
    is_input: bool = False


@dataclass(eq=False)
class _Model:
    """A model as the architecture reader wants it; that of a sequential one is a chain."""

    name: str
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    trainable_weights: list[Any]
    _nodes_by_depth: dict[int, list[_Node]] = field(default_factory=dict)

    def all_layers(self) -> Iterator[Layer]:
        """Layers that compute, those of models within too."""
        for node in (node for depth in self._nodes_by_depth.values() for node in depth if not node.is_input):
            if isinstance(node.operation, _Model):
                yield from node.operation.all_layers()
            else:
                yield node.operation


class Functional(_Model):
    """By this name the reader knows a model within a model."""


class _Graph:
    """One model of a file, put together call by call."""

    def __init__(self, path: Path, config: Mapping[str, Any], weights: SavedWeights, frozen: bool = False) -> None:
        self.path, self.kind, self.weights = path, str(config.get("class_name")), weights
        if self.kind not in _MODELS:
            raise _unreadable(path, f"is a {self.kind}, whose layers no file tells")
        self.config: Mapping[str, Any] = config["config"]
        self.frozen = frozen or not self.config.get("trainable", True)
        self.tensors: dict[_Place, _Tensor] = {}
        self.nodes: list[_Node] = []

    def model(self) -> _Model:
        """The model with all its calls."""
        inputs, outputs = self._chain() if self.kind == "Sequential" else self._functional()
        weights = [] if self.frozen else self.weights.shapes
        return Functional(str(self.config["name"]), inputs, outputs, weights, _by_depth(self.nodes))

    def _functional(self) -> tuple[list[_Tensor], list[_Tensor]]:
        layers = {layer["name"]: layer for layer in self.config["layers"]}
        self.shapes = dict(_recorded(self.config["layers"]))
        inputs = [self._input(place, layers[place[0]]) for place in _places(self.config["input_layers"])]
        wanted = _places(self.config["output_layers"])
        self.answers = {*self.shapes, *wanted}
        calls = [(layer, number) for layer in layers.values() for number in range(len(layer["inbound_nodes"]))]
        operations = {layer["name"]: self._operation(layer) for layer, number in calls if number == 0}
        while calls:
            ready = [(layer, number) for layer, number in calls if self._known(layer["inbound_nodes"][number])]
            if not ready:
                raise _unreadable(self.path, f"layer {calls[0][0]['name']} waits for what no layer answers")
            for layer, number in ready:
                self._call(operations[layer["name"]], layer, number)
            calls = [call for call in calls if call not in ready]
        return inputs, [self.tensors[place] for place in wanted]

    def _chain(self) -> tuple[list[_Tensor], list[_Tensor]]:
        layers = [layer for layer in self.config["layers"] if layer["class_name"] != "InputLayer"]
        first = self.config["layers"][0]
        shape = first["config"].get("batch_shape") or self.config.get("build_input_shape")
        if not shape:
            raise _unreadable(self.path, "was saved before it was built, so that its sizes are open")
        given = before = _Tensor("input", tuple(shape))
        for layer in layers:
            operation = self._operation(layer)
            answer = _Tensor(layer["config"]["name"], (None, *self._answer(operation, layer, [before])))
            self.nodes.append(_Node(operation, [before], [answer]))
            before = answer
        return [given], [before]

    def _input(self, place: _Place, layer: Mapping[str, Any]) -> _Tensor:
        tensor = self.tensors[place] = _Tensor(place[0], tuple(layer["config"]["batch_shape"]))
        return tensor

    def _known(self, call: Mapping[str, Any]) -> bool:
        return all(place in self.tensors for place, _ in _given(call))

    def _call(self, operation: Any, layer: Mapping[str, Any], number: int) -> None:
        name = layer["name"]
        given = [self.tensors[place] for place, _ in _given(layer["inbound_nodes"][number])]
        if not given:
            return
        count = 1 + max((each[2] for each in self.answers if each[:2] == (name, number)), default=0)
        places = [(name, number, answer) for answer in range(count)]
        for place in places:
            shape = self.shapes.get(place) or (None, *self._answer(operation, layer, given, place[2]))
            self.tensors[place] = _Tensor(name, shape)
        self.nodes.append(_Node(operation, given, [self.tensors[place] for place in places]))

    def _operation(self, layer: Mapping[str, Any]) -> Any:
        own = self.weights.of_layer(layer["config"]["name"])
        if layer["class_name"] in _MODELS:
            return _Graph(self.path, layer, own, self.frozen).model()
        return layer_of(layer, own, self.frozen)

    def _answer(self, operation: Any, layer: Mapping[str, Any], given: Sequence[_Tensor], number: int = 0) -> Shape:
        if isinstance(operation, _Model):
            return _sizes(operation.outputs[number])
        found = answer_shape(layer["class_name"], layer["config"], [_sizes(tensor) for tensor in given])
        if found is None:
            what = (
                f"layer {layer['config']['name']} ({layer['class_name']}) answers in a shape that the file doesn't say"
            )
            raise InputError(f"--model {self.path}", what, "end the model by a layer such as Dense or Activation")
        return found


def _sizes(tensor: _Tensor) -> Shape:
    if any(size is None for size in tensor.shape[1:]):
        raise InputError(f"tensor {tensor.name}", f"its shape {tensor.shape} is open", "build it for a fixed size")
    return tuple(int(size) for size in tensor.shape[1:] if size is not None)


def _given(call: Any) -> list[tuple[_Place, tuple[int | None, ...]]]:
    """Tensors that a call takes, wherever they stand in its arguments."""
    if isinstance(call, Mapping):
        if call.get("class_name") == _TENSOR:
            config = call["config"]
            name, number, answer = config["keras_history"]
            return [((name, number, answer), tuple(config["shape"]))]
        return [one for each in call.values() for one in _given(each)]
    if isinstance(call, list):
        return [one for each in call for one in _given(each)]
    return []


def _recorded(layers: Sequence[Mapping[str, Any]]) -> Iterator[tuple[_Place, tuple[int | None, ...]]]:
    for layer in layers:
        yield from _given(layer["inbound_nodes"])


def _places(found: Any) -> list[_Place]:
    """Places in a list, a list of lists or a mapping."""
    if isinstance(found, Mapping):
        return [place for each in found.values() for place in _places(each)]
    if len(found) == 3 and isinstance(found[0], str):
        return [(found[0], int(found[1]), int(found[2]))]
    return [place for each in found for place in _places(each)]


def _by_depth(nodes: Sequence[_Node]) -> dict[int, list[_Node]]:
    """Calls by how many come after them at most, as Keras orders them."""
    depth_of: dict[int, int] = {}
    makers = {id(tensor): node for node in nodes for tensor in node.output_tensors}
    for node in reversed(nodes):
        depth = depth_of.setdefault(id(node), 0)
        for maker in (makers[id(tensor)] for tensor in node.input_tensors if id(tensor) in makers):
            depth_of[id(maker)] = max(depth_of.get(id(maker), 0), depth + 1)
    found: dict[int, list[_Node]] = {}
    for node in nodes:
        found.setdefault(depth_of[id(node)], []).append(node)
    return found
