"""What sensors and loggers make of the truth: noise, gaps, wild values, stuck readings, stamps out of order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.simulate.storms import MINUTES_PER_DAY, red_noise

# Column: absolute noise, relative noise, decimals.
_NOISE = {
    "inner_level": (0.004, 0.0, 3),
    "outer_level": (0.006, 0.0, 3),
    "rain": (0.0, 0.0, 2),
    "inflow": (0.1, 0.05, 2),
    "pump_1": (0.0, 0.01, 2),
    "pump_2": (0.0, 0.01, 2),
    "pump_3": (0.0, 0.01, 2),
    "gate_opening": (0.0, 0.0, 2),
    "air_temperature": (0.06, 0.0, 1),
    "humidity": (0.5, 0.0, 1),
    "wind_speed": (0.2, 0.0, 1),
    "air_pressure": (0.08, 0.0, 1),
}
_WILD = {
    "inner_level": (99.99, -9.99),
    "outer_level": (99.99, -9.99),
    "rain": (655.35, -1.0),
    "inflow": (9999.0, -50.0),
    "air_temperature": (-99.9, 850.0),
    "humidity": (999.9, -99.9),
    "wind_speed": (327.67, -1.0),
}
# Column: minutes for which it hangs; beyond the limit of the reservoir preset.
_HANGS = {"inner_level": 85, "outer_level": 110, "air_temperature": 300, "air_pressure": 320}
# A flow computed from a rating curve is off by some tenths for hours.
_INFLOW_DRIFT, _DRIFT_MINUTES = 0.12, 120.0
LONG_GAP_MINUTES = 240
_MONTH = 30 * MINUTES_PER_DAY


def measure(truth: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Readings of every column with the noise and the resolution of its sensor; no flow or rain below 0."""
    read = truth.copy()
    for name, (absolute, relative, decimals) in _NOISE.items():
        value = truth[name].to_numpy()
        if name == "inflow":
            value = value * np.exp(_INFLOW_DRIFT * red_noise(len(value), _DRIFT_MINUTES, rng))
        noise = rng.standard_normal(len(value))
        noisy = value + noise * (absolute + relative * np.abs(value))
        if name not in ("inner_level", "outer_level", "air_temperature"):
            noisy = np.maximum(noisy, 0.0)
        read[name] = np.round(np.minimum(noisy, 100.0) if name == "humidity" else noisy, decimals)
    return read


def spoil(read: pd.DataFrame, calm: NDArray[np.bool_], rng: np.random.Generator) -> pd.DataFrame:
    """Sensors that fail: hanging in calm weather, short gaps, and single wild values beyond the limits."""
    rows = len(read)
    spoilt = read.copy()
    for name, minutes in _HANGS.items():
        for start in _calm_starts(calm, minutes, max(1, rows // _MONTH), rng):
            values = spoilt[name].to_numpy(copy=True)
            values[start : start + minutes] = values[start]
            spoilt[name] = values
    for name in _NOISE:
        values = spoilt[name].to_numpy(copy=True)
        for start in rng.integers(0, rows, size=max(1, rows // (3 * MINUTES_PER_DAY))):
            values[start : start + int(rng.integers(1, 8))] = np.nan
        if name in _WILD:
            wild = rng.integers(0, rows, size=max(1, rows // (4 * MINUTES_PER_DAY)))
            values[wild] = rng.choice(np.array(_WILD[name]), size=len(wild))
        spoilt[name] = values
    return spoilt


def _calm_starts(calm: NDArray[np.bool_], minutes: int, count: int, rng: np.random.Generator) -> list[int]:
    """Rows after which it is calm for `minutes`, chosen at random; none where it never is."""
    bad = np.concatenate([[0], np.cumsum(~calm)])
    possible = np.flatnonzero(bad[minutes:] == bad[:-minutes]) if len(calm) > minutes else np.array([], dtype=np.int64)
    return [int(start) for start in rng.choice(possible, size=count)] if len(possible) else []


def lost_rows(rows: int) -> int:
    """Rows that a span of `rows` readings needs beyond them, since the logger loses more than it sends twice."""
    return _long_gap(rows) + _short_gaps(rows) - _repeats(rows)


def log(read: pd.DataFrame, rows: int, calm: NDArray[np.bool_], rng: np.random.Generator) -> pd.DataFrame:
    """Rows as the logger delivers them: some never, some twice, some late; `rows` in all."""
    total = len(read)
    lost = np.zeros(total, dtype=bool)
    gap = _long_gap(rows)
    # The long gap lies in the first half, where a model is trained, and never over a storm.
    for start in _calm_starts(calm[: total // 2], gap, 1, rng) or [total // 3]:
        lost[start : start + gap] = True
    free = np.flatnonzero(~lost[1:-1]) + 1
    lost[rng.choice(free, size=gap - int(lost.sum()) + _short_gaps(rows), replace=False)] = True
    kept = np.flatnonzero(~lost)
    again = rng.choice(kept, size=rows - len(kept), replace=True)
    at = np.concatenate([kept.astype(np.float64), again + rng.uniform(0.5, 3.0, size=len(again))])
    late = rng.integers(0, len(kept), size=max(1, rows // MINUTES_PER_DAY))
    at[late] += rng.uniform(1.5, 9.0, size=len(late))
    delivered = np.concatenate([kept, again])[np.argsort(at, kind="stable")]
    return read.iloc[delivered].reset_index(drop=True)


def _long_gap(rows: int) -> int:
    return min(LONG_GAP_MINUTES, rows // 50)


def _short_gaps(rows: int) -> int:
    return rows // 500


def _repeats(rows: int) -> int:
    return rows // 2000
