"""Layers one after the other, each as wide as what the one before answers, with as many weights as Keras gives it."""

from __future__ import annotations

from dataclasses import replace

from components.train.architecture import Kind, Layer
from components.train.layer_memory import GATES


class Chain:
    """A chain of layers that grows at its end.

    Attributes:
        rows: of what the last layer answers.
        values: of one of these rows.
        trained: whether anything so far has weights, so that a gradient comes back to it.
        layers: so far.
    """

    def __init__(self, rows: int, values: int, trained: bool) -> None:
        self.rows, self.values, self.trained = rows, values, trained
        self.layers: list[Layer] = []

    def branch(self) -> Chain:
        """An empty chain that begins where this one ends."""
        return Chain(self.rows, self.values, self.trained)

    def recurrent(self, name: str, kind: Kind, units: int, last_row: bool = False) -> None:
        """LSTM: gates x (inputs + units + 1) x units; a GRU, reset after, has two biases (Keras, `build` of cells)."""
        biases = 2 if kind == "gru" else 1
        self._add(name, kind, units, GATES[kind] * units * (self.values + units + biases))
        self.layers[-1] = replace(self.layers[-1], last_row=last_row)

    def dense(self, name: str, units: int, activation: str = "") -> None:
        """A dense layer, and its activation beside it."""
        self._add(name, "dense", units, (self.values + 1) * units)
        if activation:
            self.elementwise(f"{name}/{activation}")

    def convolution(self, name: str, filters: int, kernel: int) -> None:
        """A convolution over rows that answers as many, and its ReLU."""
        self._add(name, "conv1d", filters, (self.values * kernel + 1) * filters, kernel=kernel)
        self.elementwise(f"{name}/relu")

    def attention(self, name: str, heads: int, key_size: int, dropout: bool = False) -> None:
        """Attention of the rows to each other: queries, keys, values and what joins the heads."""
        width, size = self.values, heads * key_size
        parameters = 3 * (width + 1) * size + (size + 1) * width
        self._add(name, "attention", width, parameters, heads=heads, key_size=key_size)
        if dropout:
            self.layers.append(Layer(f"{name}/dropout", "dropout", heads * self.rows, self.rows, 2 * self.rows))

    def normalization(self, name: str) -> None:
        """Scale and offset of each value."""
        self._add(name, "normalization", self.values, 2 * self.values)

    def weights(self, name: str, parameters: int) -> None:
        """Weights of their own that are added to the rows."""
        self._add(name, "other", self.values, parameters)

    def dropout(self, name: str) -> None:
        """A random number and an answer for each value."""
        self.layers.append(Layer(name, "dropout", self.rows, self.values, 2 * self.values))

    def elementwise(self, name: str, rows: int = 0, values: int = 0, reads: int = 0) -> None:
        """A layer without weights; rows and values stay as they are where none are given."""
        before = reads or self.values
        self.rows, self.values = rows or self.rows, values or self.values
        self.layers.append(Layer(name, "elementwise", self.rows, before, self.values, passes_gradient=self.trained))

    def _add(self, name: str, kind: Kind, outputs: int, parameters: int, **sizes: int) -> None:
        self.layers.append(
            Layer(
                name,
                kind,
                self.rows,
                self.values,
                outputs,
                parameters,
                kernel=sizes.get("kernel", 1),
                heads=sizes.get("heads", 0),
                key_size=sizes.get("key_size", 0),
                passes_gradient=self.trained,
            )
        )
        self.values, self.trained = outputs, True
