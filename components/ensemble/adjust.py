"""Layers that turn the weighted members into an answer: mixing, rules and limits, order, spike probability."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from components.dataset.rules import evaluate, parse_rule


@keras.saving.register_keras_serializable(package="sluice")
class FixedWeights(keras.layers.Layer):  # type: ignore[misc]
    """The same weights [members, horizons] for every window: points [batch, members, horizons] -> weights alike."""

    def __init__(self, weights: list[list[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weights_by_member = [[float(value) for value in row] for row in weights]

    def call(self, points: Any) -> Any:
        """Repeats the weights for each row of the batch."""
        constant = ops.convert_to_tensor(np.array(self.weights_by_member, np.float32))
        return ops.broadcast_to(constant, ops.shape(points))

    def get_config(self) -> dict[str, Any]:
        """Weights as plain lists."""
        return {**super().get_config(), "weights": self.weights_by_member}


@keras.saving.register_keras_serializable(package="sluice")
class MixMembers(keras.layers.Layer):  # type: ignore[misc]
    """Members [batch, members, horizons, 3] and weights [batch, members, horizons] -> [batch, horizons, 3].

    The last axis is point, lower, upper. `widths` [horizons] is put on both sides of the band; it is there for
    versions saved with it, newer ones have `WidenBand`.
    """

    def __init__(self, widths: list[float] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widths = None if widths is None else [float(value) for value in widths]

    def call(self, members: Any, weights: Any) -> Any:
        """Sum of weights x members; a member without weight can't spoil it, whatever it says."""
        weights = weights[..., None]
        mixed = ops.sum(ops.where(weights > 0, members * weights, 0.0), axis=1)
        if self.widths is None:
            return mixed
        widths = np.array(self.widths, np.float32)
        return mixed + np.stack([np.zeros_like(widths), -widths, widths], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Widths as a plain list."""
        return {**super().get_config(), "widths": self.widths}


@keras.saving.register_keras_serializable(package="sluice")
class WidenBand(keras.layers.Layer):  # type: ignore[misc]
    """[batch, horizons, 3] of point, lower, upper -> the same with factor x (upper - lower + floor) on both sides.

    `factors` and `floors` [horizons] are those of `conformal.Widths`.
    """

    def __init__(self, factors: list[float], floors: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factors = [float(value) for value in factors]
        self.floors = [float(value) for value in floors]

    def call(self, mixed: Any) -> Any:
        """Widens, or narrows where a factor is negative."""
        factors, floors = np.array(self.factors, np.float32), np.array(self.floors, np.float32)
        extra = factors * (mixed[..., 2] - mixed[..., 1] + floors)
        return mixed + ops.stack([ops.zeros_like(extra), -extra, extra], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constants as plain lists."""
        return {**super().get_config(), "factors": self.factors, "floors": self.floors}


@keras.saving.register_keras_serializable(package="sluice")
class RulesAndLimits(keras.layers.Layer):  # type: ignore[misc]
    """Applies the dataset's rules, then the target's limits, and keeps lower <= forecast <= upper.

    Args:
        columns: names of the window's columns.
        rules: `{"when", "steps", "min", "max", "add"}` each, in order; a rule acts on all horizons where its
            condition held at each of the window's last `steps` readings.
        limits: lowest and highest possible value of the target, None for none.
    """

    def __init__(
        self, columns: list[str], rules: list[dict[str, Any]], limits: list[float | None], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.columns = list(columns)
        self.rules = [dict(rule) for rule in rules]
        self.limits = list(limits)
        self._conditions = [parse_rule(rule["when"]) for rule in self.rules]

    def call(self, window: Any, mixed: Any) -> Any:
        """[batch, horizons, 3] of point, lower, upper for window [batch, window, columns] in raw units."""
        for rule, condition in zip(self.rules, self._conditions, strict=True):
            recent = window[:, -int(rule["steps"]) :]
            held = ops.all(evaluate(condition, self._reader(recent), ops), axis=1)
            mixed = ops.where(held[:, None, None], _bounded(mixed, rule), mixed)
        mixed = _bounded(mixed, {"min": self.limits[0], "max": self.limits[1]})
        point = mixed[..., 0]
        lower = ops.minimum(mixed[..., 1], point)
        upper = ops.maximum(mixed[..., 2], point)
        return ops.stack([point, lower, upper], axis=-1)

    def _reader(self, recent: Any) -> Any:
        return lambda name: recent[:, :, self.columns.index(name)]

    def get_config(self) -> dict[str, Any]:
        """Columns, rules and limits as they were given."""
        return {**super().get_config(), "columns": self.columns, "rules": self.rules, "limits": self.limits}


@keras.saving.register_keras_serializable(package="sluice")
class SpikeProbability(keras.layers.Layer):  # type: ignore[misc]
    """[batch] probability of a spike from the mixed band, the level at the origin and a member's logit (see `spikes`).

    Args:
        coefficients: of [logit, rise of the forecast, rise of the upper band], or of the last two.
        intercept: of the logistic model.
        rise: rise that makes a spike, the target's unit.
        horizons: how many of the first horizons lie within a spike's time.
        target: index of the target column.
    """

    def __init__(
        self, coefficients: list[float], intercept: float, rise: float, horizons: int, target: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.coefficients = [float(value) for value in coefficients]
        self.intercept = float(intercept)
        self.rise = float(rise)
        self.horizons = int(horizons)
        self.target = int(target)

    def call(self, window: Any, mixed: Any, logit: Any = None) -> Any:
        """Sigmoid of the weighted scores."""
        level = window[:, -1, self.target]
        near = mixed[:, : self.horizons]
        score = self.intercept + 0.0 * level
        if logit is not None:
            score = score + self.coefficients[0] * ops.reshape(logit, (-1,))
        for position, coefficient in zip((0, 2), self.coefficients[-2:], strict=True):
            score = score + coefficient * (ops.max(near[..., position], axis=1) - level) / self.rise
        return ops.sigmoid(score)

    def get_config(self) -> dict[str, Any]:
        """The logistic model's constants."""
        constants = {name: getattr(self, name) for name in ("coefficients", "intercept", "rise", "horizons", "target")}
        return {**super().get_config(), **constants}


def _bounded(mixed: Any, bounds: dict[str, Any]) -> Any:
    if bounds.get("add") is not None:
        mixed = mixed + bounds["add"]
    if bounds.get("min") is not None:
        mixed = ops.maximum(mixed, bounds["min"])
    if bounds.get("max") is not None:
        mixed = ops.minimum(mixed, bounds["max"])
    return mixed
