"""Numbers, sizes and times as a reader expects them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Dataset

_DURATIONS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, without exponents; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    if decimals > 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{decimals}f}"


def count(value: float) -> str:
    """A whole number with thousands set apart."""
    return f"{value:,.0f}"


def share(value: float | None) -> str:
    """A fraction in percent."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.1%}"


def size(value: float | None) -> str:
    """Bytes in MB (10^6)."""
    return "–" if value is None else f"{value / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that leaves a short number."""
    for length, name in _DURATIONS:
        if seconds >= length:
            return f"{seconds / length:.3g} {name}"
    return f"{seconds:.3g} s"


def lead(steps: int, dataset: Dataset) -> str:
    """A horizon as time ahead."""
    if dataset.is_business_day:
        return f"{steps} business day{'s' if steps > 1 else ''}"
    return duration(steps * dataset.step_seconds)


def stamp(value: np.datetime64, dataset: Dataset) -> str:
    """A moment in the dataset's timezone, to the minute."""
    return str(pd.Timestamp(value, tz="UTC").tz_convert(dataset.timezone).strftime("%Y-%m-%d %H:%M"))


def local(stamps: NDArray[np.datetime64], dataset: Dataset) -> pd.DatetimeIndex:
    """Moments in UTC as wall-clock times of the dataset's timezone."""
    return pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert(dataset.timezone).tz_localize(None)


def model_title(name: str) -> str:
    """A model's name in plain words."""
    return name.replace("_", " ")
