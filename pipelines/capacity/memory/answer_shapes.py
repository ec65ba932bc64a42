"""Which shape a layer answers in, for the layers of Keras whose answers a file of a model doesn't say itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

# Sizes without the batch.
Shape = tuple[int, ...]
Config = Mapping[str, Any]
_Rule = Callable[[Config, Sequence[Shape]], Shape]

_SAME = (
    "Activation",
    "ReLU",
    "LeakyReLU",
    "PReLU",
    "ELU",
    "Softmax",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "UnitNormalization",
    "RMSNormalization",
    "Normalization",
    "Rescaling",
    "Masking",
    "Identity",
    "MultiHeadAttention",
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
)


def answer_shape(name: str, config: Config, given: Sequence[Shape]) -> Shape | None:
    """The shape that a layer answers in; None where this isn't known of its class.

    Args:
        name: of its class in Keras.
        config: as Keras saves it.
        given: shapes that come in.
    """
    rule = _RULES.get(name)
    if rule is None or config.get("data_format", "channels_last") != "channels_last":
        return None
    return rule(config, given)


def inner(config: Config, key: str = "layer") -> tuple[str, Config]:
    """Class and configuration of the layer that a wrapper holds."""
    wrapped: Mapping[str, Any] = config[key]
    return str(wrapped["class_name"]), wrapped["config"]


def _recurrent(config: Config, given: Sequence[Shape]) -> Shape:
    own = (int(config["units"]),)
    return (given[0][0], *own) if config.get("return_sequences") else own


def _bidirectional(config: Config, given: Sequence[Shape]) -> Shape:
    one = _recurrent(inner(config)[1], given)
    return (*one[:-1], 2 * one[-1]) if config.get("merge_mode") == "concat" else one


def _time_distributed(config: Config, given: Sequence[Shape]) -> Shape:
    found = answer_shape(*inner(config), [given[0][1:]])
    return (given[0][0], *(found or given[0][1:]))


def _convolution(config: Config, given: Sequence[Shape]) -> Shape:
    return (*_slid(config, given[0], config["kernel_size"], config["dilation_rate"]), int(config["filters"]))


def _pool(config: Config, given: Sequence[Shape]) -> Shape:
    return (*_slid(config, given[0], config["pool_size"], (1,) * len(given[0])), given[0][-1])


def _slid(config: Config, given: Shape, kernel: Sequence[int], dilation: Sequence[int]) -> Shape:
    """Sizes of what a kernel or pool leaves, but for the channels."""
    strides, padded = config["strides"], config["padding"] in ("same", "causal")
    return tuple(
        math.ceil((size if padded else size - (width - 1) * apart) / stride)
        for size, width, apart, stride in zip(given[:-1], kernel, dilation, strides, strict=False)
    )


def _over_all(config: Config, given: Sequence[Shape]) -> Shape:
    ones = (1,) * (len(given[0]) - 1) if config.get("keepdims") else ()
    return (*ones, given[0][-1])


def _reshaped(config: Config, given: Sequence[Shape]) -> Shape:
    wanted, count = tuple(config["target_shape"]), math.prod(given[0])
    known = math.prod(size for size in wanted if size != -1)
    return tuple(count // known if size == -1 else size for size in wanted)


def _joined(config: Config, given: Sequence[Shape]) -> Shape:
    axis = config.get("axis", -1)
    place = axis - 1 if axis > 0 else len(given[0]) + axis
    return tuple(sum(each[at] for each in given) if at == place else size for at, size in enumerate(given[0]))


_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        **{name: lambda config, given: given[0] for name in _SAME},
        **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _recurrent),
        **dict.fromkeys(("Conv1D", "Conv2D"), _convolution),
        **dict.fromkeys((f"{kind}Pooling{size}D" for kind in ("Max", "Average") for size in (1, 2)), _pool),
        **dict.fromkeys((f"Global{kind}Pooling{size}D" for kind in ("Max", "Average") for size in (1, 2)), _over_all),
        "Bidirectional": _bidirectional,
        "TimeDistributed": _time_distributed,
        "Concatenate": _joined,
        "Reshape": _reshaped,
        "Dense": lambda config, given: (*given[0][:-1], int(config["units"])),
        "Embedding": lambda config, given: (*given[0], int(config["output_dim"])),
        "Flatten": lambda config, given: (math.prod(given[0]),),
        "RepeatVector": lambda config, given: (int(config["n"]), *given[0]),
        "Permute": lambda config, given: tuple(given[0][place - 1] for place in config["dims"]),
    }
)
