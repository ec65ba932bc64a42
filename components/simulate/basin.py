"""The basin's water balance: runoff, gate, pumps and storage, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

GRAVITY = 9.81
DT_SECONDS = 60.0


@dataclass(frozen=True)
class Basin:
    """An urban retention basin behind a sea gate; sizes are for a catchment of 9.5 km2.

    Attributes:
        catchment_m2: area that drains into the basin.
        storage: K of each of the three reservoirs of the catchment, storage = K flow^0.6: kinematic waves, so that
            water runs faster the more of it there is (flow in m3/s, storage in m3/s x minutes).
        delay_minutes: travel time in the sewers before them.
        sewer_m3s: most that the sewers carry; what they don't stays on the streets.
        base_m3s: inflow in dry weather.
        area_m2: water surface at level 0, `area_slope_m` more for each metre of level.
        gate_width_m: of the sluice; `gate_speed` in m/min, `gate_highest_m` wide open.
        pump_m3s: capacity of each pump against no head.
        pump_starts_m: level at which each pump starts; `pump_stops_m` at which it stops.
        pool_m: normal pool, to which the gate drains.
        crest_m: level above which water flows over the crest, `crest_width_m` long.
    """

    catchment_m2: float = 9.5e6
    storage: float = 26.0
    delay_minutes: int = 8
    sewer_m3s: float = 120.0
    base_m3s: float = 1.4
    area_m2: float = 170_000.0
    area_slope_m: float = 45_000.0
    gate_width_m: float = 4.0
    gate_speed: float = 0.05
    gate_highest_m: float = 3.0
    pump_m3s: tuple[float, float, float] = (9.0, 12.0, 15.0)
    pump_starts_m: tuple[float, float, float] = (2.0, 2.3, 2.6)
    pump_stops_m: tuple[float, float, float] = (1.2, 1.5, 1.9)
    pool_m: float = 1.0
    crest_m: float = 5.0
    crest_width_m: float = 60.0

    def area(self, level_m: float) -> float:
        """Water surface in m2."""
        return self.area_m2 + self.area_slope_m * level_m


@dataclass(frozen=True)
class Balance:
    """What really happens, before any sensor: each [rows], flows in m3/s during the minute from the row's stamp on."""

    level_m: NDArray[np.float64]
    inflow: NDArray[np.float64]
    pumps: NDArray[np.float64]
    gate_opening_m: NDArray[np.float64]
    gate_flow: NDArray[np.float64]
    overflow: NDArray[np.float64]

    @property
    def outflow(self) -> NDArray[np.float64]:
        """All that leaves the basin, m3/s [rows]."""
        return np.asarray(self.pumps.sum(axis=0) + self.gate_flow + self.overflow)


def run_inflow(basin: Basin, areal_rain: NDArray[np.float64], hours_of_day: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inflow in m3/s [rows]: losses that shrink as the ground gets wet, a delay, and three reservoirs in a row.

    The exponent is that of Manning's formula for sheet flow (Chow, Maidment and Mays 1988, Applied Hydrology, 9.3).

    Args:
        basin: its catchment.
        areal_rain: [rows] mm/min.
        hours_of_day: [rows], for the daily course of the dry-weather flow.
    """
    dry_out = exp(-1.0 / (18 * 60))
    to_flow = basin.catchment_m2 / 1000.0 / 60.0
    delayed = [0.0] * basin.delay_minutes + areal_rain.tolist()
    wet = first = second = third = 0.0
    scale = 1.0 / basin.storage
    runoff = []
    for rain in delayed[: len(areal_rain)]:
        wet = wet * dry_out + rain
        # From 35 % on dry ground to 80 % after a long soaking.
        effective = rain * to_flow * (0.8 - 0.45 * exp(-wet / 25.0))
        out_first = min((first * scale) ** (5 / 3), first, basin.sewer_m3s)
        out_second = min((second * scale) ** (5 / 3), second)
        out_third = min((third * scale) ** (5 / 3), third)
        first += effective - out_first
        second += out_first - out_second
        third += out_second - out_third
        runoff.append(out_third)
    daily = 1 + 0.35 * np.sin(2 * np.pi * (hours_of_day - 6) / 12) * np.exp(-((hours_of_day - 13) ** 2) / 60)
    return np.asarray(np.array(runoff) + basin.base_m3s * daily)


def run_balance(
    basin: Basin, inflow: NDArray[np.float64], outer_m: NDArray[np.float64], head_to_open_m: NDArray[np.float64]
) -> Balance:
    """Level, gate and pumps: `level[t+1] = level[t] + (inflow[t] - outflow[t]) * 60 s / area(level[t])`.

    The gate is raised while the sea is lower than the basin, and lowered before it would let the sea in; the pumps
    start one after the other and stop lower down.

    Args:
        basin: its sizes and rules.
        inflow: [rows] m3/s.
        outer_m: [rows] sea level.
        head_to_open_m: [rows] fall at which the keeper raises the gate, which differs from tide to tide.
    """
    level, opening = basin.pool_m + 0.05, 0.0
    running = [False, False, False]
    rows: list[tuple[float, ...]] = []
    for flow_in, sea, needed in zip(inflow.tolist(), outer_m.tolist(), head_to_open_m.tolist(), strict=True):
        opening = _move_gate(basin, opening, level, sea, needed)
        through_gate = _gate_flow(basin, opening, level - sea)
        pumped = _run_pumps(basin, running, level, sea)
        above = level - basin.crest_m
        # Broad-crested weir, 1.7 m^0.5/s (Chow 1959, Open-Channel Hydraulics, section 3-6).
        over = 1.7 * basin.crest_width_m * above * sqrt(above) if above > 0 else 0.0
        rows.append((level, *pumped, opening, through_gate, over))
        out = pumped[0] + pumped[1] + pumped[2] + through_gate + over
        level += (flow_in - out) * DT_SECONDS / basin.area(level)
    table = np.array(rows, dtype=np.float64).reshape(-1, 7).T
    return Balance(table[0], inflow, table[1:4], table[4], table[5], table[6])


def _move_gate(basin: Basin, opening: float, level: float, sea: float, needed: float) -> float:
    fall = level - sea
    if fall < 0.03 or level < basin.pool_m:
        return max(0.0, opening - 4 * basin.gate_speed)
    if opening == 0.0 and (fall < needed or level < basin.pool_m + 0.04):
        return 0.0
    wanted = min(basin.gate_highest_m, 0.25 + 1.2 * (level - basin.pool_m))
    step = basin.gate_speed if wanted > opening else -basin.gate_speed
    return wanted if abs(wanted - opening) < basin.gate_speed else opening + step


def _gate_flow(basin: Basin, opening: float, fall: float) -> float:
    """Flow under a sluice, 0.6 of the ideal (Chow 1959, section 17-5); a flap keeps the sea out."""
    if opening <= 0.0 or fall <= 0.0:
        return 0.0
    return 0.6 * basin.gate_width_m * opening * sqrt(2 * GRAVITY * fall)


def _run_pumps(basin: Basin, running: list[bool], level: float, sea: float) -> tuple[float, float, float]:
    if not any(running) and level < basin.pump_starts_m[0]:
        return 0.0, 0.0, 0.0
    lift = max(0.0, sea - level)
    flows = [0.0, 0.0, 0.0]
    for index, capacity in enumerate(basin.pump_m3s):
        limit = basin.pump_stops_m[index] if running[index] else basin.pump_starts_m[index]
        running[index] = level > limit if running[index] else level >= limit
        if running[index]:
            flows[index] = capacity * (1 - 0.06 * lift)
    return flows[0], flows[1], flows[2]
