"""Events: the largest rises of the target, and how well their peaks are forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """One event in rows `[start, end)`, highest at row `peak`; `rise` in the target's unit."""

    start: int
    peak: int
    end: int
    rise: float


@dataclass(frozen=True)
class PeakError:
    """How a forecast peak differs from the actual one: `height` in the target's unit, `delay` in steps (late > 0)."""

    height: float
    delay: int


def rises(values: Floats, reach: int) -> Floats:
    """[rows]: each value above the lowest of the `reach` values before it (and itself); NaN values rise by nothing."""
    padded = np.concatenate([np.full(reach, np.inf), np.where(np.isfinite(values), values, np.inf)])
    lowest = sliding_window_view(padded, reach + 1).min(axis=1)
    rise = np.where(np.isfinite(values), values, -np.inf) - lowest
    return np.where(np.isfinite(rise), rise, 0.0)


def largest_events(values: Floats, reach: int, count: int) -> list[Event]:
    """The `count` largest rises within `reach` rows, none overlapping another, the largest first.

    An event starts `reach` rows before its peak and ends `reach` rows after it. The height above the lowest recent
    value, and not the height itself, makes an event: a target with a trend has events everywhere.

    Args:
        values: [rows], the target; NaN where not known.
        reach: rows in which a rise happens.
        count: how many events at most.
    """
    rise = rises(values, reach)
    found: list[Event] = []
    while len(found) < count:
        peak = int(np.argmax(rise))
        if rise[peak] <= 0:
            break
        found.append(Event(max(0, peak - reach), peak, min(len(values), peak + reach + 1), float(rise[peak])))
        # Rows within 2 * reach would give an event that overlaps this one.
        rise[max(0, peak - 2 * reach) : peak + 2 * reach + 1] = 0.0
    return found


def peak_error(actual: Floats, forecast: Floats) -> PeakError | None:
    """Highest forecast against highest actual of one event, both [rows] by valid time; None where either is unknown.

    Source: peak height and peak-timing errors as in Gauch et al. (2021), Hydrology and Earth System Sciences 25, 2045.
    """
    if not np.isfinite(actual).any() or not np.isfinite(forecast).any():
        return None
    at, forecast_at = int(np.nanargmax(actual)), int(np.nanargmax(forecast))
    return PeakError(float(forecast[forecast_at] - actual[at]), forecast_at - at)
