"""Task: all that a member must know of a dataset and its series, in plain numbers, free of any framework."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.preprocess.series import Series
from components.train.registry import Width, width_of
from components.train.scales import least_unit
from components.train.seasons import segment_rows

# How long each calendar column takes to come round, in its own unit; a month and a year by their longest.
PERIODS = {
    "minute_of_hour": 60.0,
    "hour_of_day": 24.0,
    "day_of_week": 7.0,
    "day_of_month": 31.0,
    "day_of_year": 366.0,
}
# Most steps of the future that a head looks at; more are thinned out, the horizons themselves stay.
MOST_FUTURE_STEPS = 24
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class TaskRule:
    """A rule of the dataset file in plain values; exactly one of `low`, `high` and `add` is set."""

    when: str
    steps: int
    low: float | None
    high: float | None
    add: float | None


@dataclass(frozen=True)
class Task:
    """What is forecast from what, and in which scale.

    Attributes:
        inputs: names of the window's columns, in order.
        target: index of the target among them.
        known: indices of the columns known in the future.
        calendar: (index, period) of the calendar columns.
        window: rows of a window.
        horizons: lead times, in steps.
        quantiles: lower and upper quantile of the band.
        center: [columns], subtracted from each column, in its unit.
        scale: [columns], each column is divided by it, never 0.
        step_scale: [columns], standard deviation of the change in one step over training rows.
        change_scale: [horizons], standard deviation of the target's change over each lead time, in its unit.
        rules: rules of the dataset file.
        limits: lowest and highest possible target.
        spike_rise: rise that makes a spike, in the target's unit.
        spike_within: steps within which it must happen.
        season: steps after which the target is likely to repeat itself.
        segment: rows that recurrent members read as one; 1 for none.
        least_unit: what a window's own unit is at least, in the target's unit, where the panel's series differ in size;
            0 where they don't, and all windows have the target's unit.
        width: of the networks; `light` ones have half the units.
    """

    inputs: tuple[str, ...]
    target: int
    known: tuple[int, ...]
    calendar: tuple[tuple[int, float], ...]
    window: int
    horizons: tuple[int, ...]
    quantiles: tuple[float, float]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    step_scale: tuple[float, ...]
    change_scale: tuple[float, ...]
    rules: tuple[TaskRule, ...]
    limits: tuple[float | None, float | None]
    spike_rise: float
    spike_within: int
    season: int
    segment: int = 1
    least_unit: float = 0.0
    width: Width = "stated"

    @classmethod
    def of(cls, dataset: Dataset, series: Series) -> Task:
        """The task of a dataset whose series are prepared; scales come from training rows alone."""
        known = tuple(series.inputs.index(name) for name in dataset.known)
        calendar = tuple((series.inputs.index(name), PERIODS[name]) for name in dataset.calendar)
        return cls(
            inputs=series.inputs,
            target=series.target,
            known=known,
            calendar=calendar,
            window=dataset.window,
            horizons=dataset.horizons,
            quantiles=dataset.quantiles,
            center=tuple(float(value) for value in series.scaler.center),
            scale=tuple(float(value) for value in series.scaler.scale),
            step_scale=_step_scale(series),
            change_scale=_change_scale(series, dataset.horizons),
            rules=tuple(_rule(rule) for rule in dataset.rules),
            limits=dataset.columns[dataset.target].limits,
            spike_rise=float(series.spike_rise),
            spike_within=int(series.spike_within),
            season=series.season,
            segment=segment_rows(dataset.segment, dataset.window, series),
            least_unit=least_unit(series),
            width=width_of(len(series.values)),
        )

    @property
    def numeric(self) -> tuple[int, ...]:
        """Indices of the columns that are no calendar columns."""
        cyclic = {index for index, _ in self.calendar}
        return tuple(index for index in range(len(self.inputs)) if index not in cyclic)

    @property
    def own_unit(self) -> bool:
        """Whether each window has a unit of its own."""
        return self.least_unit > 0

    @property
    def target_feature(self) -> int:
        """Position of the target among the numeric columns."""
        return self.numeric.index(self.target)

    @property
    def longest(self) -> int:
        """The longest lead time, in steps."""
        return max(self.horizons)

    @property
    def future_steps(self) -> tuple[int, ...]:
        """Steps of the future (1 = next) whose known columns a head is given; empty without known columns."""
        if not self.known:
            return ()
        spread = np.unique(np.linspace(1, self.longest, min(self.longest, MOST_FUTURE_STEPS)).round().astype(int))
        chosen = set(spread.tolist()) | (set(self.horizons) if len(self.horizons) <= MOST_FUTURE_STEPS else set())
        return tuple(sorted(chosen))

    def units(self, stated: int) -> int:
        """Units of a layer that has `stated` ones at full width."""
        return stated if self.width == "stated" else stated // 2

    def to_json(self) -> str:
        """The task as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The task that `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        rules = tuple(TaskRule(**rule) for rule in fields.pop("rules"))
        plain = {name: _frozen(value) for name, value in fields.items()}
        return cls(rules=rules, **plain)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _rule(rule: Any) -> TaskRule:
    return TaskRule(when=rule.when, steps=rule.steps, low=rule.then.min, high=rule.then.max, add=rule.then.add)


def _step_scale(series: Series) -> tuple[float, ...]:
    columns = series.values.shape[1]
    total, count = np.zeros(columns), np.zeros(columns)
    for span in series.spans:
        own = np.zeros(columns)
        for first in range(span.start, span.validation - 1, _BLOCK_ROWS):
            rows = series.values[first : min(first + _BLOCK_ROWS + 1, span.validation)]
            change = np.diff(rows.astype(np.float64), axis=0)
            # Added row by row to what there is, the sum is the same to the last bit in blocks of any size.
            own = np.nansum(np.concatenate([own[None], change**2]), axis=0)
            count += np.isfinite(change).sum(axis=0)
        total += own
    spread = np.sqrt(total / np.maximum(count, 1))
    # A column that hardly ever moves would otherwise turn its least move into a huge input.
    return tuple(float(value) for value in np.maximum(spread, 1e-3 * np.asarray(series.scaler.scale)))


def _change_scale(series: Series, horizons: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(max(_change_rms(series, steps), 1e-6 * series.scaler.scale[series.target]) for steps in horizons)


def _change_rms(series: Series, steps: int) -> float:
    total, count = 0.0, 0
    for span in series.spans:
        target: NDArray[np.float64] = np.asarray(series.values[span.start : span.validation, series.target], np.float64)
        change = target[steps:] - target[:-steps]
        total += float(np.nansum(change**2))
        count += int(np.isfinite(change).sum())
    return float(np.sqrt(total / count)) if count else float(series.scaler.scale[series.target])
