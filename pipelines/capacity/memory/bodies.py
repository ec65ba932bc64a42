"""The six members' own layers, as components.train.members has them in Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pipelines.capacity.memory.layer_chain import Chain

# Units of a layer in a network of full width to those of this one.
Units = Callable[[int], int]


def _stacked_lstm(chain: Chain, units: Units) -> None:
    for number, width in enumerate((128, 128, 64), 1):
        chain.recurrent(f"lstm_{number}", "lstm", units(width))


def _residual_gru(chain: Chain, units: Units) -> None:
    for number, width in enumerate((128, 128, 64), 1):
        skip = chain.branch()
        chain.recurrent(f"gru_{number}", "gru", units(width))
        if number != 2:
            skip.dense(f"skip_{number}", units(width))
            chain.layers += skip.layers
        chain.elementwise(f"sum_{number}", reads=2 * chain.values)


def _cnn_lstm(chain: Chain, units: Units) -> None:
    scales = [chain.branch() for _ in range(3)]
    for width, scale in zip((3, 5, 7), scales, strict=True):
        scale.convolution(f"scale_{width}", units(64), width)
        chain.layers += scale.layers
    chain.trained = True
    chain.elementwise("scales", values=3 * units(64), reads=3 * units(64))
    for number, width in enumerate((128, 64), 1):
        chain.recurrent(f"lstm_{number}", "lstm", units(width))


def _spike_detector(chain: Chain, units: Units) -> None:
    width = units(128)
    chain.convolution("scan", width, 3)
    chain.attention("attention", heads=4, key_size=width)
    chain.elementwise("sum", reads=2 * width)
    ways = [chain.branch() for _ in range(2)]
    for name, way in zip(("forward", "backward"), ways, strict=True):
        way.recurrent(f"{name}_lstm", "lstm", width, last_row=True)
        chain.layers += way.layers
    chain.rows, chain.values = 1, 2 * width


def _rule_based(chain: Chain, units: Units) -> None:
    chain.recurrent("lstm", "lstm", units(32))


def _patchtst(chain: Chain, units: Units) -> None:
    """Sizes of components.train.members.patchtst: they stay as they are in light networks."""
    rows = min(16, chain.rows)
    stride = max(rows // 2, 1)
    count = (chain.rows - rows) // stride + 2
    chain.elementwise("patches", rows=count, values=rows * chain.values)
    chain.dense("patch_projection", 128)
    chain.weights("positions", count * 128)
    chain.dropout("dropout")
    for number in range(1, 4):
        _encoder(chain, f"encoder_{number}")
    chain.normalization("normalization")
    chain.rows, chain.values = 1, count * 128


def _encoder(chain: Chain, name: str) -> None:
    chain.normalization(f"{name}/before_attention")
    chain.attention(f"{name}/attention", heads=16, key_size=8, dropout=True)
    chain.dropout(f"{name}/attended")
    chain.elementwise(f"{name}/attended_sum", reads=2 * chain.values)
    chain.normalization(f"{name}/before_forward")
    chain.dense(f"{name}/widen", 256, "gelu")
    chain.dropout(f"{name}/widened")
    chain.dense(f"{name}/narrow", 128)
    chain.dropout(f"{name}/narrowed")
    chain.elementwise(f"{name}/sum", reads=2 * chain.values)


BODIES: Mapping[str, Callable[[Chain, Units], None]] = MappingProxyType(
    {
        "stacked_lstm": _stacked_lstm,
        "residual_gru": _residual_gru,
        "cnn_lstm": _cnn_lstm,
        "spike_detector": _spike_detector,
        "rule_based": _rule_based,
        "patchtst": _patchtst,
    }
)
# Dense layers between a member's own layers and its answer.
HEADS: Mapping[str, tuple[int, ...]] = MappingProxyType({"stacked_lstm": (128, 64), "rule_based": (64, 32)})
