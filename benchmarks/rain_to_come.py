"""How much of Walnut Creek's forecast error is rain that has not fallen yet.

    python benchmarks/rain_to_come.py walnut_creek_5min.csv.gz

Two ridges on the same rows and parts as `benchmarks/accuracy.py`: one knows what has been, the other also the rain of
the hours to be forecast, which nobody can know. Their Nash-Sutcliffe efficiencies on the test part at each lead time
say what a forecast of rain would bring, and how far a forecast without one is from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
RAIN, STAGE = "rain_in", "stage_south_state_ft"
FLOWS = ("q_buck_jones_cfs", "q_trailwood_cfs", "q_wilmington_cfs")
# Five minutes each.
HORIZONS = (12, 36)
LAGS = (0, 1, 2, 3, 4, 6, 8, 12, 18, 24)
RAIN_SUMS = (6, 12, 24, 48, 96, 288)
RAIN_STEPS = 6
TRAIN, VALIDATION = 0.65, 0.15
PENALTY = 1e-4


def main() -> None:
    """Prints both efficiencies at both lead times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readings", type=Path)
    table = _table(parser.parse_args().readings)
    past = _past(table)
    for horizon in HORIZONS:
        told = np.column_stack([past, _to_come(table, horizon)])
        efficiencies = [_efficiency(table, features, horizon) for features in (past, told)]
        print(f"{horizon * 5:3d} min ahead: NSE {efficiencies[0]:.3f}, told the rain to come {efficiencies[1]:.3f}")


def _table(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, parse_dates=["datetime_utc"]).set_index("datetime_utc").asfreq("5min")
    table[RAIN] = table[RAIN].fillna(0.0)
    table = table[[RAIN, *FLOWS, STAGE]].ffill(limit=24)
    flows = list(FLOWS)
    table[flows] = np.log1p(table[flows].clip(lower=0.0))
    return table


def _past(table: pd.DataFrame) -> Array:
    """Readings at several lags, sums of rain, and the stage's square; [rows, features]."""
    lagged = [table[name].shift(lag) for name in table for lag in LAGS]
    sums = [table[RAIN].rolling(steps).sum() for steps in RAIN_SUMS]
    return np.column_stack([*lagged, *sums, table[STAGE] ** 2, table[STAGE] * table[RAIN]])


def _to_come(table: pd.DataFrame, horizon: int) -> Array:
    """Sums of the rain between now and the lead time, alone and times the stage; [rows, features]."""
    sums = table[RAIN].rolling(RAIN_STEPS).sum()
    ahead = [sums.shift(-end) for end in range(RAIN_STEPS, horizon + 1, RAIN_STEPS)]
    return np.column_stack([*ahead, *(each * table[STAGE] for each in ahead)])


def _efficiency(table: pd.DataFrame, features: Array, horizon: int) -> float:
    """Nash-Sutcliffe efficiency on the test part of a ridge for the change of stage."""
    stage = table[STAGE].to_numpy()
    change = table[STAGE].shift(-horizon).to_numpy() - stage
    known = np.isfinite(features).all(axis=1) & np.isfinite(change)
    row = np.arange(len(stage))
    fitted = known & (row < TRAIN * len(row) - horizon)
    tested = known & (row >= (TRAIN + VALIDATION) * len(row))
    answer = stage[tested] + _ridge(features[fitted], change[fitted], features[tested])
    actual = stage[tested] + change[tested]
    return float(1 - ((answer - actual) ** 2).mean() / actual.var())


def _ridge(features: Array, wanted: Array, asked: Array) -> Array:
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    scaled = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    gram = scaled.T @ scaled + PENALTY * len(scaled) * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ wanted)
    return np.asarray(np.column_stack([(asked - mean) / spread, np.ones(len(asked))]) @ weights)


if __name__ == "__main__":
    main()
