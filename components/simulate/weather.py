"""Weather at the basin: season and day, and what storms do to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.simulate.storms import MINUTES_PER_DAY, red_noise


def make_weather(
    clock: pd.DatetimeIndex, areal_rain: NDArray[np.float64], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Air temperature (degC), humidity (%), wind speed (m/s) and pressure (hPa), each [rows].

    Pressure falls for hours before a storm; rain cools the air and fills it; wind rises with it.

    Args:
        clock: local time of each row.
        areal_rain: [rows] mm/min.
        rng: of the weather's own changes.
    """
    rows = len(clock)
    day = clock.dayofyear.to_numpy() + (clock.hour.to_numpy() * 60 + clock.minute.to_numpy()) / MINUTES_PER_DAY
    wet = _smooth(areal_rain, 60)
    storminess = 1 - np.exp(-6 * _smooth(areal_rain[::-1], 360)[::-1] - 6 * _smooth(areal_rain, 360))
    season = -np.cos(2 * np.pi * (day - 20) / 365.25)
    daily = -np.cos(2 * np.pi * (day % 1 - 3 / 24))
    temperature = 14.5 + 11.5 * season + 3.2 * daily * (1 - 0.6 * storminess)
    temperature += 1.8 * red_noise(rows, 2880, rng) - 4.0 * (1 - np.exp(-8 * wet))
    humidity = 68 + 8 * season - 12 * daily + 26 * (1 - np.exp(-12 * wet)) + 6 * red_noise(rows, 900, rng)
    wind = (2.6 + 0.9 * daily + 7.0 * storminess) * np.exp(0.35 * red_noise(rows, 20, rng))
    pressure = 1013 - 5 * season + 4.5 * red_noise(rows, 4320, rng) - 11 * storminess
    return {
        "air_temperature": temperature,
        "humidity": np.clip(humidity, 15, 100),
        "wind_speed": np.clip(wind, 0, 55),
        "air_pressure": pressure,
    }


def _smooth(values: NDArray[np.float64], minutes: float) -> NDArray[np.float64]:
    return np.asarray(pd.Series(values).ewm(halflife=minutes, adjust=False).mean().to_numpy())
