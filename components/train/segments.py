"""Layers for windows that are read in segments, and for windows with a unit of their own.

Recurrent networks that read a season as one step see 20 steps where they saw 500 (Lin et al., SegRNN, arXiv 2308.11200,
section 4); the projection of a segment learns the season's shape.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

register = keras.saving.register_keras_serializable(package="sluice")


@register
class Segments(keras.layers.Layer):
    """A window in segments: [b, t, f] -> [b, t // rows, rows * f]; odd rows at its start are left out."""

    def __init__(self, rows: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = int(rows)

    def call(self, inputs: Any) -> Any:
        """The segments, oldest first."""
        count = inputs.shape[1] // self.rows
        return ops.reshape(inputs[:, -count * self.rows :], (-1, count, self.rows * inputs.shape[2]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the segments."""
        return (input_shape[0], input_shape[1] // self.rows, self.rows * input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "rows": self.rows}


@register
class WindowUnit(keras.layers.Layer):
    """The unit of each window: the standard deviation of its target (Kim et al., RevIN, ICLR 2022, section 3).

    [b, t, c] raw -> [b, 1], in the target's unit.
    """

    def __init__(self, target: int, least: float, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.target, self.least = int(target), float(least)

    def call(self, window: Any) -> Any:
        """The unit."""
        return ops.std(window[..., self.target], axis=1, keepdims=True) + self.least

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the unit."""
        return (input_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "target": self.target, "least": self.least}


@register
class FromLast(keras.layers.Layer):
    """Puts the target less its last value, in the window's unit, in place of the scaled target.

    [b, t, f] scaled, [b, t, c] raw window, [b, 1] -> [b, t, f].
    """

    def __init__(self, feature: int, target: int, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.feature, self.target = int(feature), int(target)

    def call(self, scaled: Any, window: Any, unit: Any) -> Any:
        """The features."""
        values = window[..., self.target]
        moved = ((values - values[:, -1:]) / unit)[..., None]
        return ops.concatenate([scaled[..., : self.feature], moved, scaled[..., self.feature + 1 :]], axis=-1)

    def compute_output_shape(self, scaled_shape: Any, window_shape: Any, unit_shape: Any) -> Any:
        """Shape of the features."""
        return scaled_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "feature": self.feature, "target": self.target}
