"""What a network is trained to make small."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# The band's share of the loss; the point forecast alone is judged by RMSE, and the band never pulls it.
BAND_WEIGHT = 0.5


class PointAndBandLoss(keras.losses.Loss):  # type: ignore[misc]
    """Huber loss of the point, pinball loss of the two quantiles (Koenker and Bassett, 1978).

    y_true [..., h] changes, NaN where the target is not known: these count nothing.
    y_pred [..., h, 3] point, lower, upper. Both in the network's unit of change.
    """

    def __init__(self, quantiles: tuple[float, float], delta: float, name: str = "point_and_band") -> None:
        super().__init__(name=name)
        self.quantiles, self.delta = quantiles, delta

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each row: [...]."""
        known = ops.logical_not(ops.isnan(y_true))
        target = ops.where(known, y_true, 0.0)
        error = ops.abs(target - y_pred[..., 0])
        point = ops.where(error < self.delta, 0.5 * error**2, self.delta * (error - 0.5 * self.delta))
        band = sum(_pinball(target - y_pred[..., 1 + side], level) for side, level in enumerate(self.quantiles))
        return ops.mean(ops.where(known, point + BAND_WEIGHT * band, 0.0), axis=-1)


class SpikeLoss(keras.losses.Loss):  # type: ignore[misc]
    """Binary cross-entropy of logits; y_true [b] is 1, 0, or NaN where it is not known."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each window: [b]."""
        known = ops.logical_not(ops.isnan(y_true))
        target = ops.where(known, y_true, 0.0)
        # max(x, 0) - x z + log(1 + exp(-|x|)) never overflows.
        loss = ops.maximum(y_pred, 0.0) - y_pred * target + ops.log1p(ops.exp(-ops.abs(y_pred)))
        return ops.where(known, loss, 0.0)


def _pinball(error: Any, level: float) -> Any:
    return ops.maximum(level * error, (level - 1) * error)
