"""A network as a list of layers with their sizes, free of any framework: what memory and time are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "lstm", "gru", "rnn", "dense", "conv1d", "conv2d", "attention", "normalization", "elementwise", "dropout", "other"
]


@dataclass(frozen=True)
class Layer:
    """One layer for one window or chunk.

    Attributes:
        name: of the layer.
        kind: what it computes; a bidirectional layer is two of its kind. `elementwise` is all that has no weights:
            sums, slices, activations, pooling. `dropout` is in training alone.
        rows: time steps or patches that it works through, one after the other where it is recurrent; of a convolution
            over pictures all their points.
        inputs: values of a row that come in.
        outputs: values of a row that it computes (units, filters); kept for the way back for every row, also where
            only the last row is passed on. Dropout computes two for each: a random number and its answer.
        parameters: trainable weights.
        frozen: weights that no gradient moves.
        kernel: rows that a convolution sees, or that pooling makes one of.
        heads: of attention.
        key_size: values of a key, of attention.
        attended: rows that each row of attention looks at; 0 for all of its own.
        last_row: whether a recurrent layer passes on its last row alone.
        passes_gradient: whether the way back goes on through it, since something before it is trained.
    """

    name: str
    kind: Kind
    rows: int
    inputs: int
    outputs: int
    parameters: int = 0
    frozen: int = 0
    kernel: int = 1
    heads: int = 0
    key_size: int = 0
    attended: int = 0
    last_row: bool = False
    passes_gradient: bool = True


@dataclass(frozen=True)
class Architecture:
    """A network.

    Attributes:
        name: of the member or model.
        input_values: values of one window or chunk that come in, [window x columns].
        output_values: values that it answers for one window or chunk.
        layers: in the order of the way forward.
    """

    name: str
    input_values: int
    output_values: int
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """All trainable weights."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def weights(self) -> int:
        """All weights, trainable or not."""
        return self.parameters + sum(layer.frozen for layer in self.layers)
