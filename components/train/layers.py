"""Layers around a member's own: raw units in, features, the linear forecast, the band, rules, raw units out.

All are written in `keras.ops`, so they run on any backend of Keras 3. Shapes: b windows, t rows, c columns,
f features, h horizons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from components.dataset.rules import evaluate, parse_rule

register = keras.saving.register_keras_serializable(package="sluice")


@register
class Normalise(keras.layers.Layer):
    """Scales columns by the training rows' centre and scale; calendar columns become sine and cosine.

    [b, t, c] raw units -> [b, t, numeric + 2 * calendar].
    """

    def __init__(
        self,
        center: Sequence[float],
        scale: Sequence[float],
        calendar: Sequence[Sequence[float]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.center, self.scale = list(center), list(scale)
        self.calendar = [[int(index), float(period)] for index, period in calendar]
        cyclic = {index for index, _ in self.calendar}
        self._numeric = [index for index in range(len(self.center)) if index not in cyclic]

    def call(self, window: Any) -> Any:
        """The features, in the order: numeric columns, sines, cosines."""
        center = np.asarray([self.center[index] for index in self._numeric], np.float32)
        scale = np.asarray([self.scale[index] for index in self._numeric], np.float32)
        features = (ops.take(window, self._numeric, axis=-1) - center) / scale
        if not self.calendar:
            return features
        turns = np.asarray([2 * np.pi / period for _, period in self.calendar], np.float32)
        angles = ops.take(window, [index for index, _ in self.calendar], axis=-1) * turns
        return ops.concatenate([features, ops.sin(angles), ops.cos(angles)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the features."""
        return (*input_shape[:-1], len(self._numeric) + 2 * len(self.calendar))

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "center": self.center, "scale": self.scale, "calendar": self.calendar}


@register
class Compress(keras.layers.Layer):
    """Adds each numeric column's change in one step, and compresses the long tails of both.

    Rain and discharge lie tens of standard deviations above their mean in a flood, where gates of a recurrent cell
    saturate; asinh is linear for small values and logarithmic for large ones. Changes are scaled by their own spread,
    since a slow column's change is a tiny fraction of its level.

    [b, t, f] -> [b, t, f + columns].
    """

    def __init__(self, ratios: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.ratios = list(ratios)

    def call(self, features: Any) -> Any:
        """Compressed levels, untouched calendar features, compressed changes (0 in the first row)."""
        count = len(self.ratios)
        levels, rest = features[..., :count], features[..., count:]
        change = (levels[:, 1:] - levels[:, :-1]) * np.asarray(self.ratios, np.float32)
        change = ops.pad(ops.arcsinh(change), [[0, 0], [1, 0], [0, 0]])
        return ops.concatenate([ops.arcsinh(levels), rest, change], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of all features."""
        return (*input_shape[:-1], input_shape[-1] + len(self.ratios))

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "ratios": self.ratios}


@register
class RelativeToLast(keras.layers.Layer):
    """Adds the target less its last value, so that a window looks alike at any level (NLinear, arXiv 2205.13504).

    [b, t, f] -> [b, t, f + 1]; only for members that are trained on windows, since it looks at the last row.
    """

    def __init__(self, column: int, ratio: float, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.column, self.ratio = int(column), float(ratio)

    def call(self, features: Any, scaled: Any) -> Any:
        """Features [b, t, f] and the scaled columns [b, t, n] from which the target is taken."""
        target = scaled[..., self.column : self.column + 1]
        return ops.concatenate([features, ops.arcsinh((target - target[:, -1:]) * self.ratio)], axis=-1)

    def compute_output_shape(self, features_shape: Any, scaled_shape: Any) -> Any:
        """Shape of all features."""
        return (*features_shape[:-1], features_shape[-1] + 1)

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "column": self.column, "ratio": self.ratio}


@register
class LastRows(keras.layers.Layer):
    """The last `rows` rows: [b, t, f] -> [b, rows, f]."""

    def __init__(self, rows: int, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.rows = int(rows)

    def call(self, inputs: Any) -> Any:
        """The slice."""
        return inputs[:, -self.rows :]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the slice."""
        return (input_shape[0], self.rows, *input_shape[2:])

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "rows": self.rows}


@register
class LastRow(keras.layers.Layer):
    """The last row: [b, t, f] -> [b, f]."""

    def call(self, inputs: Any) -> Any:
        """The slice."""
        return inputs[:, -1]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the row."""
        return (input_shape[0], *input_shape[2:])


@register
class KnownFuture(keras.layers.Layer):
    """Scales the known columns of the chosen future steps and lays them side by side.

    [..., longest horizon, known] raw units -> [..., steps * known].
    """

    def __init__(self, steps: Sequence[int], center: Sequence[float], scale: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.steps, self.center, self.scale = list(steps), list(center), list(scale)

    def call(self, future: Any) -> Any:
        """The features."""
        chosen = ops.take(future, [step - 1 for step in self.steps], axis=-2)
        scaled = (chosen - np.asarray(self.center, np.float32)) / np.asarray(self.scale, np.float32)
        return ops.reshape(scaled, (*ops.shape(future)[:-2], len(self.steps) * len(self.center)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the features."""
        return (*input_shape[:-2], len(self.steps) * len(self.center))

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "steps": self.steps, "center": self.center, "scale": self.scale}


@register
class LinearForecast(keras.layers.Layer):
    """A linear map of the last rows (and of the known future) to the target's change at every horizon.

    As a convolution it answers at every row that has enough rows before it:
    [b, t, f] (, [b, t - rows + 1, future]) -> [b, t - rows + 1, h]. Fitted in closed form, never by gradients.
    """

    def __init__(self, rows: int, horizons: int, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.rows, self.horizons = int(rows), int(horizons)

    def build(self, features_shape: Any, future_shape: Any = None) -> None:
        """Makes kernel, bias and, where there is a known future, its kernel."""
        self.kernel = self.add_weight(shape=(self.rows, features_shape[-1], self.horizons), initializer="zeros")
        self.bias = self.add_weight(shape=(self.horizons,), initializer="zeros")
        self.ahead = None
        if future_shape is not None:
            self.ahead = self.add_weight(shape=(future_shape[-1], self.horizons), initializer="zeros")
        self.built = True

    def call(self, features: Any, future: Any = None) -> Any:
        """The changes, in the unit that the kernel gives them."""
        change = ops.conv(features, self.kernel, strides=1, padding="valid") + self.bias
        return change if future is None else change + ops.matmul(future, self.ahead)

    def compute_output_shape(self, features_shape: Any, future_shape: Any = None) -> Any:
        """Shape of the changes."""
        rows = None if features_shape[1] is None else features_shape[1] - self.rows + 1
        return (features_shape[0], rows, self.horizons)

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "rows": self.rows, "horizons": self.horizons}


@register
class PointAndBand(keras.layers.Layer):
    """Turns a head's 3 numbers per horizon into point, lower and upper, each a change in the task's scale.

    The point adds to the base (the linear forecast, or 0 for the last value). The quantiles move with the point but
    leave it alone (no gradient), may lie on either side of it, and never cross: upper = lower + softplus.

    [..., 3 h], [..., h] -> [..., h, 3].
    """

    def call(self, head: Any, base: Any) -> Any:
        """The three changes."""
        horizons = base.shape[-1]
        point = base + head[..., :horizons]
        lower = ops.stop_gradient(point) + head[..., horizons : 2 * horizons]
        upper = lower + ops.softplus(head[..., 2 * horizons :])
        return ops.stack([point, lower, upper], axis=-1)

    def compute_output_shape(self, head_shape: Any, base_shape: Any) -> Any:
        """Shape of the changes."""
        return (*base_shape, 3)


@register
class ActivityBand(keras.layers.Layer):
    """A band whose width grows with what is going on: the target's recent changes and the change forecast.

    [b, h] point, [b, rows, 1] scaled target -> [b, h, 3], all in the task's scale. lower and upper are the point plus
    (calm + activity) times a multiplier fitted as a quantile of residuals measured in that unit.
    """

    def __init__(
        self, calm: float, ratio: float, lower: Sequence[float], upper: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.calm, self.ratio = float(calm), float(ratio)
        self.lower, self.upper = list(lower), list(upper)

    def call(self, point: Any, target: Any) -> Any:
        """Point, lower and upper."""
        moves = ops.mean(ops.abs(target[:, 1:, 0] - target[:, :-1, 0]), axis=-1, keepdims=True) * self.ratio
        width = self.calm + moves + ops.abs(point)
        lower = point + width * np.asarray(self.lower, np.float32)
        upper = point + width * np.asarray(self.upper, np.float32)
        return ops.stack([point, lower, upper], axis=-1)

    def compute_output_shape(self, point_shape: Any, target_shape: Any) -> Any:
        """Shape of the changes."""
        return (*point_shape, 3)

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        fields = {"calm": self.calm, "ratio": self.ratio, "lower": self.lower, "upper": self.upper}
        return {**super().get_config(), **fields}


@register
class RawUnits(keras.layers.Layer):
    """Changes in the task's scale to the target's unit: last value of the window + change * scale (* unit).

    [b, h, 3], [b, t, c] raw window (, [b, 1] unit of each window) -> [b, h, 3].
    """

    def __init__(self, target: int, scale: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.target, self.scale = int(target), list(scale)

    def call(self, change: Any, window: Any, unit: Any = None) -> Any:
        """The forecast in raw units."""
        last = window[:, -1, self.target]
        moved = change * np.asarray(self.scale, np.float32)[:, None]
        return last[:, None, None] + (moved if unit is None else moved * unit[..., None])

    def compute_output_shape(self, change_shape: Any, window_shape: Any, unit_shape: Any = None) -> Any:
        """Shape of the forecast."""
        return change_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "target": self.target, "scale": self.scale}


@register
class Rules(keras.layers.Layer):
    """Applies the dataset's rules to a forecast in raw units, point and band alike.

    A rule holds where its condition is true at each of the window's last `steps` readings; then the forecast is
    raised to `low`, lowered to `high`, or shifted by `add`, at every horizon. [b, h, 3], [b, t, c] -> [b, h, 3].
    """

    def __init__(self, inputs: Sequence[str], rules: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        self.inputs, self.rules = list(inputs), [dict(rule) for rule in rules]
        self._conditions = [parse_rule(rule["when"]) for rule in self.rules]

    def call(self, forecast: Any, window: Any) -> Any:
        """The forecast after all rules, in their order."""
        for rule, condition in zip(self.rules, self._conditions, strict=True):
            recent = window[:, -int(rule["steps"]) :]
            columns = {name: recent[..., index] for index, name in enumerate(self.inputs)}
            holds = ops.all(evaluate(condition, columns.__getitem__, ops), axis=1)[:, None, None]
            forecast = ops.where(holds, _applied(forecast, rule), forecast)
        return forecast

    def compute_output_shape(self, forecast_shape: Any, window_shape: Any) -> Any:
        """Shape of the forecast."""
        return forecast_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is built from."""
        return {**super().get_config(), "inputs": self.inputs, "rules": self.rules}


def _applied(forecast: Any, rule: dict[str, Any]) -> Any:
    if rule["low"] is not None:
        return ops.maximum(forecast, rule["low"])
    if rule["high"] is not None:
        return ops.minimum(forecast, rule["high"])
    return forecast + rule["add"]
