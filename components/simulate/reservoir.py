"""Readings of an urban flood-control basin, from storms and tide to the logger's table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from components.errors import InputError
from components.simulate.basin import Balance, Basin, run_balance, run_inflow
from components.simulate.sensors import log, lost_rows, measure, spoil
from components.simulate.storms import Rain, make_rain, red_noise
from components.simulate.tide import outer_level
from components.simulate.weather import make_weather

TIMEZONE = "Asia/Seoul"
FEWEST_ROWS = 1_000


@dataclass(frozen=True)
class Truth:
    """What really happens at the basin, by the minute.

    Attributes:
        table: `time` (local, without a zone) and the twelve columns of the reservoir preset, exact.
        balance: the water balance behind it.
        rain: the rain behind that.
        basin: the basin's sizes.
    """

    table: pd.DataFrame
    balance: Balance
    rain: Rain
    basin: Basin


def simulate_reservoir(rows: int, start: datetime, seed: int) -> pd.DataFrame:
    """Readings of the reservoir preset, as a logger delivers them.

    Sixteen storms or more in any ten days or longer, two or more of them in the last 15 % of the span. The same
    arguments give the same table.

    Args:
        rows: rows of the table, one a minute but for what the logger loses or sends twice.
        start: first stamp; local time of the basin where it says no zone.
        seed: of all that is random.

    Returns:
        `time` (local, without a zone), then the twelve columns; NaN where a sensor gave nothing.

    Raises:
        InputError: fewer than 1,000 rows.
    """
    if rows < FEWEST_ROWS:
        fix = f"give {FEWEST_ROWS} or more, such as 43200 for 30 days"
        raise InputError("rows", f"{rows} minutes are too few to simulate a basin", fix)
    truth = simulate_truth(rows + lost_rows(rows), start, seed)
    noise, faults, logger = (np.random.default_rng(part) for part in np.random.SeedSequence([seed, 1]).spawn(3))
    calm = _calm(truth)
    read = spoil(measure(truth.table, noise), calm, faults)
    return log(read, rows, calm, logger)


def simulate_truth(rows: int, start: datetime, seed: int, basin: Basin | None = None) -> Truth:
    """The basin itself over `rows` minutes, without sensors; see simulate_reservoir for the rest."""
    basin = basin or Basin()
    streams = [np.random.default_rng(part) for part in np.random.SeedSequence([seed, 0]).spawn(4)]
    clock = _clock(start, rows)
    minutes = clock.asi8 / 60e9
    rain = make_rain(rows, streams[0])
    sea = outer_level(minutes / 60, streams[1])
    inflow = run_inflow(basin, rain.areal, minutes / 60 % 24)
    keeper = 0.12 + 0.05 * red_noise(rows, 400, streams[2])
    balance = run_balance(basin, inflow, sea, keeper)
    columns = {
        "time": clock,
        "inner_level": balance.level_m,
        "outer_level": sea,
        "rain": rain.gauge,
        "inflow": inflow,
        "pump_1": balance.pumps[0],
        "pump_2": balance.pumps[1],
        "pump_3": balance.pumps[2],
        "gate_opening": balance.gate_opening_m,
        **make_weather(clock, rain.areal, streams[3]),
    }
    return Truth(pd.DataFrame(columns), balance, rain, basin)


def _clock(start: datetime, rows: int) -> pd.DatetimeIndex:
    local = start.astimezone(ZoneInfo(TIMEZONE)).replace(tzinfo=None) if start.tzinfo else start
    return pd.date_range(pd.Timestamp(local).floor("min"), periods=rows, freq="min", unit="ns")


def _calm(truth: Truth) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Rows with no rain in the three hours before or the hour after: [rows]."""
    wet = pd.Series(truth.rain.areal > 0)
    before = wet.rolling(180, min_periods=1).max()
    after = wet[::-1].rolling(60, min_periods=1).max()[::-1]
    return np.asarray((before + after == 0).to_numpy(), dtype=np.bool_)
