"""What a window shows of which member to trust: levels, trends, sums, season, and where the members disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from components.ensemble.members import BATCH
from components.preprocess.series import Series
from components.preprocess.windows import gather_windows
from components.train.task import PERIODS

MOST_HORIZONS = 4


@dataclass(frozen=True)
class SignalPlan:
    """Constants of the signals.

    Attributes:
        center: [columns], in the columns' units.
        scale: [columns], in the columns' units.
        periods: [columns], cycle of a calendar column, 0 for a column of readings.
        target: index of the target column.
        spans: steps back that trends and means are taken over.
        horizons: positions of the horizons at which members are compared.
    """

    center: tuple[float, ...]
    scale: tuple[float, ...]
    periods: tuple[float, ...]
    target: int
    spans: tuple[int, ...]
    horizons: tuple[int, ...]


def plan_signals(series: Series, calendar: Sequence[str], window: int, horizons: int) -> SignalPlan:
    """Signals for windows of `window` rows and `horizons` horizons; `calendar` names the calendar columns."""
    cycles = [PERIODS[name] if name in calendar else 0.0 for name in series.inputs]
    spans = sorted({max(1, (window - 1) // part) for part in (16, 4, 1)})
    picked = np.unique(np.linspace(0, horizons - 1, min(horizons, MOST_HORIZONS)).round().astype(int))
    return SignalPlan(
        center=series.scaler.center,
        scale=series.scaler.scale,
        periods=tuple(cycles),
        target=series.target,
        spans=tuple(spans),
        horizons=tuple(int(position) for position in picked),
    )


def at_picked_horizons(plan: SignalPlan) -> SignalPlan:
    """The same signals of points that hold the plan's horizons and no others."""
    return replace(plan, horizons=tuple(range(len(plan.horizons))))


@keras.saving.register_keras_serializable(package="sluice")
class WindowSignals(keras.layers.Layer):  # type: ignore[misc]
    """Window [batch, window, columns] in raw units and points [batch, members, horizons] -> [batch, signals]."""

    def __init__(self, plan: SignalPlan | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan if isinstance(plan, SignalPlan) else SignalPlan(**{k: _frozen(v) for k, v in plan.items()})
        self._readings = [i for i, period in enumerate(self.plan.periods) if not period]
        self._calendar = [i for i, period in enumerate(self.plan.periods) if period]

    def call(self, window: Any, points: Any) -> Any:
        """Joins the signals of the readings, of the calendar and of the members."""
        plan = self.plan
        center = ops.convert_to_tensor(np.array(plan.center, np.float32))
        scale = ops.convert_to_tensor(np.array(plan.scale, np.float32))
        scaled = (window - center) / scale
        level = window[:, -1, plan.target] - plan.center[plan.target]
        rises = (points - plan.center[plan.target] - level[:, None, None]) / plan.scale[plan.target]
        parts = [*self._of_readings(scaled), *self._of_calendar(window), *self._of_members(rises)]
        return ops.concatenate(parts, axis=-1)

    def _of_readings(self, scaled: Any) -> list[Any]:
        readings = ops.take(scaled, np.array(self._readings, np.int32), axis=-1)
        target = scaled[:, :, self.plan.target]
        last = readings[:, -1]
        parts = [last]
        for span in self.plan.spans:
            recent = target[:, -1 - span :]
            parts += [
                last - readings[:, -1 - span],
                ops.mean(readings[:, -span:], axis=1),
                ops.max(recent, axis=1, keepdims=True) - ops.min(recent, axis=1, keepdims=True),
            ]
        return parts

    def _of_calendar(self, window: Any) -> list[Any]:
        if not self._calendar:
            return []
        turns = np.array([2 * np.pi / self.plan.periods[i] for i in self._calendar], np.float32)
        angles = ops.take(window[:, -1], np.array(self._calendar, np.int32), axis=-1) * turns
        return [ops.sin(angles), ops.cos(angles)]

    def _of_members(self, rises: Any) -> list[Any]:
        picked = ops.take(rises, np.array(self.plan.horizons, np.int32), axis=-1)
        mean = ops.mean(picked, axis=1, keepdims=True)
        away = picked - mean
        spread = ops.sqrt(ops.mean(ops.square(away), axis=1))
        flat = ops.reshape(away, (-1, picked.shape[1] * picked.shape[2]))
        return [ops.squeeze(mean, axis=1), spread, flat]

    def get_config(self) -> dict[str, Any]:
        """The plan as plain lists."""
        return {**super().get_config(), "plan": asdict(self.plan)}


@dataclass(frozen=True)
class SignalReader:
    """Reads the signals of a series' windows, by the layer that the servable holds.

    Attributes:
        series: the readings.
        window: rows of a window.
        model: keras.Model, windows and points [batch, members, horizons] -> [batch, signals].
    """

    series: Series
    window: int
    model: Any

    @classmethod
    def of(cls, series: Series, plan: SignalPlan, window: int, points: tuple[int, int]) -> SignalReader:
        """For windows of `window` rows, and members and horizons as many as `points` says."""
        inputs = [keras.Input((window, len(series.inputs))), keras.Input(points)]
        return cls(series, window, keras.Model(inputs, WindowSignals(plan)(*inputs)))

    def at(self, origins: NDArray[np.int64], points: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, signals] at origins [n], where the members say points [n, members, horizons]."""
        signals = np.empty((len(origins), self.model.output.shape[-1]), np.float32)
        for start in range(0, len(origins), BATCH):
            part = slice(start, start + BATCH)
            windows = gather_windows(self.series.values, origins[part], self.window)
            signals[part] = self.model.predict([windows, points[part]], batch_size=1024, verbose=0)
        return signals


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
