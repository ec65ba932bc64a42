"""What windows need to be read in overlapping patches: the patches, their places, and the activation of encoders."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

register = keras.saving.register_keras_serializable(package="sluice")


@register
def gelu(inputs: Any) -> Any:
    """Its input times the normal distribution there (Hendrycks and Gimpel, arXiv 1606.08415, section 2).

    Keras' own calls TensorFlow's Erfc, for which ONNX has no operation; it has one for Erf.
    """
    return 0.5 * inputs * (1.0 + ops.erf(inputs * 2.0**-0.5))


@register
class Patches(keras.layers.Layer):
    """A window in patches of `rows` rows, one every `stride` rows: [b, t, f] -> [b, patches, rows * f], oldest first.

    The last row is repeated `stride` times at the end, so that no row is left out: (t - rows) // stride + 2 patches
    (Nie et al., PatchTST, arXiv 2211.14730, section 3.1).
    """

    def __init__(self, rows: int, stride: int, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.rows, self.stride = int(rows), int(stride)

    def call(self, inputs: Any) -> Any:
        """The patches."""
        window = inputs.shape[1]
        starts = np.arange(self._count(window)) * self.stride
        rows = np.minimum(starts[:, None] + np.arange(self.rows), window - 1)
        taken = ops.take(inputs, rows.ravel(), axis=1)
        return ops.reshape(taken, (-1, len(starts), self.rows * inputs.shape[2]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the patches."""
        return (input_shape[0], self._count(input_shape[1]), self.rows * input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "rows": self.rows, "stride": self.stride}

    def _count(self, window: int) -> int:
        return (window - self.rows) // self.stride + 2


@register
class Positions(keras.layers.Layer):
    """Adds to each patch what is learnt of its place: [b, patches, units] -> the same."""

    def build(self, input_shape: Any) -> None:
        """Makes the table [patches, units]."""
        start = keras.initializers.RandomUniform(-0.02, 0.02)
        self.table = self.add_weight(shape=input_shape[1:], initializer=start, name="table")

    def call(self, inputs: Any) -> Any:
        """The patches in their places."""
        return inputs + self.table

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the patches."""
        return input_shape
