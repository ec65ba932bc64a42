"""Puts a member's own layers between raw readings and a raw forecast, for training and for serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any, Literal

import keras
import numpy as np

from components.train.layers import (
    Compress,
    KnownFuture,
    LastRow,
    LastRows,
    LinearForecast,
    Normalise,
    PointAndBand,
    RawUnits,
    RelativeToLast,
    Rules,
)
from components.train.ridge import Ridge
from components.train.segments import FromLast, Segments, WindowUnit
from components.train.task import Task

# `refined` is no way of its own: windows in the second part of a training on chunks.
Mode = Literal["chunks", "windows", "segments", "refined"]

# Width of a segment before the member's own layers: that of the widest of them.
SEGMENT_UNITS = 128


@dataclass(frozen=True)
class Parts:
    """What makes a member: its own layers.

    Attributes:
        body: [b, t, features] -> [b, t, units] for a causal member, else [b, units].
        head: [..., units] -> [..., units], the dense layers before the output layer.
        causal: whether the body's answer at a row depends on earlier rows alone.
        spikes: whether the member also says how likely a spike is.
        rules: whether the dataset's rules bound its forecast.
        patches: whether the body cuts its own patches, and so reads rows in any way of training.
    """

    body: Callable[[Any], Any]
    head: Callable[[Any], Any]
    causal: bool
    spikes: bool = False
    rules: bool = False
    patches: bool = False


@dataclass(frozen=True)
class Start:
    """Where a network starts from: the forecast to which it adds, and how far that is off on training windows.

    A network that starts at the linear forecast only has to learn what is not linear, as the autoregressive part of
    LSTNet (Lai et al., 2018, section 3.6) and boosting in stages do.

    Attributes:
        ridge: the linear model.
        scale: [horizons], root mean square of its residuals, in the target's unit or, where windows have a unit of
            their own, in that: the network's unit of change.
        lower: [horizons], lower quantile of the residuals, in that unit.
        upper: [horizons], upper quantile of the residuals, in that unit.
    """

    ridge: Ridge
    scale: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]


@dataclass(frozen=True)
class Networks:
    """One member's models; they share their weights.

    Attributes:
        serving: raw units in and out, as the member folder holds it.
        training: raw windows or chunks in, changes in `Start.scale` out: `change` [b, (rows,) h, 3] (and `spike` [b]).
        mode: what `training` takes.
        scored_rows: rows of a chunk that are scored, the last ones; 0 for windows.
        chunk_rows: rows of a chunk; 0 for windows.
        refining: of a network that trains on chunks, the same weights on windows, as they are served; None for others.
    """

    serving: keras.Model
    training: keras.Model
    mode: Mode
    scored_rows: int = 0
    chunk_rows: int = 0
    refining: keras.Model | None = None

    def refined(self) -> Networks:
        """The same network, trained on windows from here on."""
        if self.refining is None:
            raise ValueError(f"a network that trains on {self.mode} is not refined")
        return Networks(self.serving, self.refining, "refined")


def assemble(task: Task, parts: Parts, start: Start, mode: Mode) -> Networks:
    """The models of a member for one way of training; `chunks` needs a causal member."""
    network = _Network(task, parts, start, mode)
    return network.for_chunks() if mode == "chunks" else network.for_windows()


class _Network:
    """Layers of one member, made once and called for windows and for chunks."""

    def __init__(self, task: Task, parts: Parts, start: Start, mode: Mode) -> None:
        self.task, self.parts, self.start, self.mode = task, parts, start, mode
        self.normalise = Normalise(task.center, task.scale, task.calendar, name="normalise")
        self.compress = Compress(step_ratios(task), name="compress")
        self.linear = LinearForecast(start.ridge.rows, len(task.horizons), name="linear_forecast")
        self.output = keras.layers.Dense(
            3 * len(task.horizons),
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(_first_bias(start)),
            name="output",
        )
        self.band = PointAndBand(name="band")
        self.future = known_future(task)
        self.unit = window_unit(task)
        self.from_last = FromLast(task.target_feature, task.target, name="from_last")
        self.project = segment_projection(task) if mode == "segments" and not parts.patches else None
        self.spike = keras.layers.Dense(1, name="spike_logit") if parts.spikes else None

    def for_windows(self) -> Networks:
        training = self._on_windows()
        return Networks(self._serving(), training, self.mode)

    def for_chunks(self) -> Networks:
        task, rows = self.task, self.start.ridge.rows
        warm_up = max(task.window // 2, rows)
        scored = task.window
        chunk = keras.Input((warm_up + scored - 1, len(task.inputs)), name="window")
        future = keras.Input((scored, task.longest, len(task.known)), name="future") if task.known else None
        scaled = self.normalise(chunk)
        compressed = self.compress(scaled)
        hidden = LastRows(scored)(self.parts.body(compressed))
        ahead = None if future is None else self.future(future)
        base = self._base(scaled, compressed, scored + rows - 1, ahead)
        change = self._change(hidden, base, ahead)
        training = keras.Model(_given(chunk, future), {"change": change}, name="training")
        return Networks(self._serving(), training, "chunks", scored, warm_up + scored - 1, self._on_windows())

    def _on_windows(self) -> keras.Model:
        window, future = inputs_of(self.task)
        change, spike = self._window_change(window, future)
        return keras.Model(_given(window, future), {"change": change, **spike}, name="training")

    def _serving(self) -> keras.Model:
        task = self.task
        window, future = inputs_of(task)
        change, spike = self._window_change(window, future)
        unit = None if self.unit is None else self.unit(window)
        forecast = RawUnits(task.target, self.start.scale, name="raw_units")(change, window, unit)
        if self.parts.rules and task.rules:
            forecast = Rules(task.inputs, [asdict(rule) for rule in task.rules], name="rules")(forecast, window)
        model = keras.Model(_given(window, future), {"forecast": forecast, **spike}, name="member")
        set_linear(self.linear, self.start)
        return model

    def _window_change(self, window: Any, future: Any) -> tuple[Any, dict[str, Any]]:
        task = self.task
        scaled = self.normalise(window)
        if self.unit is not None:
            scaled = self.from_last(scaled, window, self.unit(window))
        compressed = self.compress(scaled)
        hidden = self.parts.body(self._steps(scaled, compressed))
        if self.parts.causal:
            hidden = LastRow()(hidden)
        # The linear map answers per row, so a window's future needs a row axis for it.
        ahead = None if future is None else self.future(future)
        row = None if ahead is None else keras.layers.Reshape((1, ahead.shape[-1]))(ahead)
        base = LastRow()(self._base(scaled, compressed, self.start.ridge.rows, row))
        spike = {"spike": keras.layers.Reshape((), name="spike")(self.spike(hidden))} if self.spike else {}
        if self.mode == "segments" and task.calendar:
            hidden = keras.layers.Concatenate()([hidden, LastRow()(scaled[..., len(task.numeric) :])])
        return self._change(hidden, base, ahead), spike

    def _steps(self, scaled: Any, compressed: Any) -> Any:
        """What the member's own layers read: rows, or segments of them."""
        task = self.task
        features = compressed
        if self.unit is not None:
            features = scaled[..., : len(task.numeric)]
        elif self.mode != "chunks":
            # In a chunk no row knows the last one of its window.
            ratio = task.scale[task.target] / task.change_scale[-1]
            features = RelativeToLast(task.target_feature, ratio)(compressed, scaled)
        return features if self.project is None else self.project(Segments(task.segment)(features))

    def _base(self, scaled: Any, compressed: Any, rows: int, ahead: Any) -> Any:
        joined = keras.layers.Concatenate()([scaled, compressed]) if self.start.ridge.layout.compressed else scaled
        return self.linear(LastRows(rows)(joined), ahead)

    def _change(self, hidden: Any, base: Any, ahead: Any) -> Any:
        joined = hidden if ahead is None else keras.layers.Concatenate()([hidden, ahead])
        return self.band(self.output(self.parts.head(joined)), base)


def chained(own: Sequence[Any]) -> Callable[[Any], Any]:
    """Layers called one after the other; unlike `keras.Sequential` they take sequences of any length."""
    return lambda inputs: reduce(lambda value, layer: layer(value), own, inputs)


def inputs_of(task: Task) -> tuple[Any, Any]:
    """The inputs of a member: `window`, and `future` or None where no column is known in the future."""
    window = keras.Input((task.window, len(task.inputs)), name="window")
    future = keras.Input((task.longest, len(task.known)), name="future") if task.known else None
    return window, future


def known_future(task: Task) -> Any:
    """The layer that makes features of the known future; None where there is none."""
    if not task.known:
        return None
    center, scale = ([values[index] for index in task.known] for values in (task.center, task.scale))
    return KnownFuture(task.future_steps, center, scale, name="known_future")


def window_unit(task: Task) -> WindowUnit | None:
    """The layer that gives each window its unit; None where all have the target's."""
    return WindowUnit(task.target, task.least_unit, name="window_unit") if task.own_unit else None


def segment_projection(task: Task) -> keras.layers.Layer:
    """What turns a segment's rows into one step for a member's own layers."""
    return keras.layers.Dense(task.units(SEGMENT_UNITS), activation="relu", name="segment_projection")


def step_ratios(task: Task) -> list[float]:
    """How many step scales one column scale is, for each numeric column."""
    return [task.scale[index] / task.step_scale[index] for index in task.numeric]


def set_linear(layer: LinearForecast, start: Start) -> None:
    """Gives the built layer the ridge's weights, in the network's unit of change."""
    scale = np.asarray(start.scale)
    ridge = start.ridge
    layer.kernel.assign((ridge.kernel / scale).astype(np.float32))
    layer.bias.assign((ridge.bias / scale).astype(np.float32))
    if layer.ahead is not None:
        layer.ahead.assign((ridge.ahead / scale).astype(np.float32))


def _given(window: Any, future: Any) -> dict[str, Any]:
    return {"window": window} if future is None else {"window": window, "future": future}


def _first_bias(start: Start) -> list[float]:
    """Output biases with which an untrained network gives the linear forecast and the spread of its residuals."""
    width = np.maximum(np.asarray(start.upper) - np.asarray(start.lower), 1e-3)
    return [*np.zeros(len(width)).tolist(), *start.lower, *np.log(np.expm1(width)).tolist()]
