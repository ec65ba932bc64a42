"""Rain: storms spread over the whole span, drizzle between them, and what a gauge makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MINUTES_PER_DAY = 1440
# One storm in each slot: two lie wholly in any last 15 % of sixteen slots.
_FEWEST_SLOTS = 16
_DAYS_PER_STORM = 2.0
_TIP_MM = 0.1


@dataclass(frozen=True)
class Rain:
    """Rain by the minute.

    Attributes:
        areal: [rows] mm/min, mean over the catchment.
        gauge: [rows] mm/min, as the tipping-bucket gauge reports it.
        starts: [storms] row where each storm begins, in order.
    """

    areal: NDArray[np.float64]
    gauge: NDArray[np.float64]
    starts: NDArray[np.int64]


def storm_count(rows: int) -> int:
    """Storms in a span of `rows` minutes: one in two days, and no fewer than sixteen in ten days or more."""
    days = rows / MINUTES_PER_DAY
    return max(1, round(days / _DAYS_PER_STORM), min(_FEWEST_SLOTS, int(days * 1.6)))


def make_rain(rows: int, rng: np.random.Generator) -> Rain:
    """Rain over `rows` minutes: a storm at a random time within each of equal slots."""
    gauge = np.zeros(rows)
    areal = np.zeros(rows)
    count = storm_count(rows)
    slot = rows / count
    starts = np.array([int((index + rng.uniform(0.05, 0.6)) * slot) for index in range(count)], dtype=np.int64)
    for start in starts:
        _pour(gauge, areal, int(start), _storm(rng), rng)
    for start in rng.integers(0, rows, size=2 * count):
        _pour(gauge, areal, int(start), _drizzle(rng), rng)
    return Rain(areal, _tipping_bucket(gauge), starts)


def _pour(
    gauge: NDArray[np.float64],
    areal: NDArray[np.float64],
    start: int,
    rain: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    end = min(start + len(rain), len(gauge))
    part = rain[: end - start]
    gauge[start:end] += part
    # One gauge sees one point of a catchment: its rain differs from the mean by the storm and by the minute.
    ratio = rng.lognormal(0.0, 0.18) * np.exp(red_noise(len(part), 15, rng) * 0.2)
    areal[start:end] += part * ratio


def _storm(rng: np.random.Generator) -> NDArray[np.float64]:
    """Intensities of a storm in mm/min: one to three bursts, 42 to 120 mm in one to six hours."""
    minutes = int(rng.integers(75, 330))
    clock = np.arange(minutes)
    shape = np.full(minutes, 0.08)
    for _ in range(int(rng.integers(1, 4))):
        centre, width = rng.uniform(0.15, 0.8) * minutes, rng.uniform(8, 30)
        shape += rng.uniform(0.4, 1.0) * np.exp(-0.5 * ((clock - centre) / width) ** 2)
    shape *= np.exp(red_noise(minutes, 4, rng) * 0.5)
    depth = float(np.clip(rng.lognormal(np.log(58), 0.35), 42, 120))
    return np.asarray(np.minimum(shape * depth / shape.sum(), 2.5))


def _drizzle(rng: np.random.Generator) -> NDArray[np.float64]:
    minutes = int(rng.integers(20, 240))
    shape = np.sin(np.linspace(0, np.pi, minutes)) * np.exp(red_noise(minutes, 10, rng) * 0.5)
    return np.asarray(shape * rng.uniform(0.3, 4.0) / max(shape.sum(), 1e-9))


def red_noise(count: int, minutes: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """First-order autoregressive noise of unit variance whose memory fades within `minutes`: [count]."""
    memory = np.exp(-1.0 / minutes)
    white = rng.standard_normal(count)
    # ewm keeps the first value whole and shrinks the others: this brings all to the same variance.
    spread = np.sqrt((1 + memory) / (1 - memory))
    white[:1] /= spread
    smooth = pd.Series(white).ewm(alpha=1 - memory, adjust=False).mean().to_numpy()
    return np.asarray(smooth * spread)


def _tipping_bucket(rain: NDArray[np.float64]) -> NDArray[np.float64]:
    """A bucket of 0.1 mm that tips when full: rain is reported in whole tips."""
    tips = np.floor(np.cumsum(rain) / _TIP_MM)
    return np.asarray(np.round(np.diff(tips, prepend=0.0) * _TIP_MM, 3))
