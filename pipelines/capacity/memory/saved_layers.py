"""Layers and weights of a saved Keras model, as objects that have what Keras' own have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.capacity.memory.answer_shapes import Shape

# States of random generators are no weights.
_RANDOM = "seed_generator"
# Weights that are trained, the first ones; the others are statistics.
_STATISTICS = {"BatchNormalization": ("scale", "center"), "Normalization": ()}


@dataclass(frozen=True)
class Weight:
    """One weight; its values don't matter here."""

    shape: Shape


@dataclass(frozen=True)
class SavedWeights:
    """Weights of a layer or model, and of what it holds.

    Attributes:
        name: of the layer, as the model calls it.
        own: its own, in the order in which Keras made them.
        within: of what it holds, by the name of its attribute.
    """

    name: str = ""
    own: tuple[Weight, ...] = ()
    within: Mapping[str, SavedWeights] = field(default_factory=dict)

    @classmethod
    def of(cls, group: Any) -> SavedWeights:
        """From a group of the file (h5py)."""
        held = group.get("vars", {})
        own = tuple(Weight(tuple(held[key].shape)) for key in sorted(held, key=int))
        within = {key: cls.of(each) for key, each in group.items() if key != "vars" and not key.startswith(_RANDOM)}
        return cls(str(getattr(held, "attrs", {}).get("name", "")), own, within)

    @property
    def shapes(self) -> list[Weight]:
        """All weights, those within too."""
        return [*self.own, *(weight for each in self.within.values() for weight in each.shapes)]

    def of_layer(self, name: str) -> SavedWeights:
        """Those of one of a model's layers.

        Raises:
            ValueError: the file doesn't name the layers of its weights, as Keras before 3.8 didn't.
        """
        layers = self.within.get("layers", SavedWeights()).within
        if any(each.shapes and not each.name for each in layers.values()):
            raise ValueError("its weights don't name their layers; save it anew by a later Keras")
        return next((each for each in layers.values() if each.name == name), SavedWeights())


class Layer:
    """A layer with its settings as attributes; its class has the name of Keras' own.

    Attributes:
        name: of the layer.
        weights: all of them.
        trainable_weights: those that training moves.
        foreign: whether its class is not Keras' own.
    """

    def __init__(self, config: Mapping[str, Any], weights: SavedWeights, frozen: bool, foreign: bool) -> None:
        self.name = str(config["name"])
        self.weights, self.foreign = weights.shapes, foreign
        learns = not frozen and config.get("trainable", True)
        self.trainable_weights = self._trained(config) if learns else []
        self._config = {key: value for key, value in config.items() if key not in ("name", "activation")}
        self.activation = _Named(_class_of(config.get("activation") or "linear"))
        self._wrap(config, weights, frozen)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_config"][name]
        except KeyError:
            raise AttributeError(name) from None

    def _trained(self, config: Mapping[str, Any]) -> list[Weight]:
        switches = _STATISTICS.get(type(self).__name__)
        return self.weights if switches is None else self.weights[: sum(bool(config.get(key)) for key in switches)]

    def _wrap(self, config: Mapping[str, Any], weights: SavedWeights, frozen: bool) -> None:
        """A wrapper's layers; the way back of a bidirectional one is like its way forward unless it says otherwise."""
        if type(self).__name__ == "TimeDistributed":
            self._config["layer"] = layer_of(config["layer"], weights.within.get("layer", SavedWeights()), frozen)
        if type(self).__name__ == "Bidirectional":
            for way, key in (("forward_layer", "layer"), ("backward_layer", "backward_layer")):
                own = config.get(key) or config["layer"]
                self._config[way] = layer_of(own, weights.within.get(way, SavedWeights()), frozen)


@dataclass(frozen=True)
class _Named:
    """A function that has nothing but its name."""

    __name__: str


def layer_of(saved: Mapping[str, Any], weights: SavedWeights, frozen: bool) -> Layer:
    """A layer of a class that has the same name as the one that was saved."""
    foreign = not str(saved.get("module") or "").startswith("keras.")
    kind: type[Layer] = type(str(saved["class_name"]), (Layer,), {})
    return kind(saved["config"], replace(weights), frozen, foreign)


def _class_of(activation: Any) -> str:
    if not isinstance(activation, Mapping):
        return str(activation)
    config = activation.get("config")
    return config if isinstance(config, str) else str(activation["class_name"])
