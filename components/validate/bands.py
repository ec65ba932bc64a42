"""What a table of forecasts says of its bands: the adaptive one, and the one whose widths stay those of validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.validate import metrics

Floats = NDArray[np.float64]
# By name: columns of lower and upper end.
BANDS = {"adaptive": ("lower", "upper"), "static": ("static_lower", "static_upper")}


class BandScore(TypedDict):
    """Share of actuals inside; Winkler's interval score and mean width in the target's unit."""

    coverage: float
    interval_score: float
    width: float


class BandScores(BandScore):
    """Over all rows, and by horizon (the horizon in steps as text)."""

    by_horizon: dict[str, BandScore]


def band_scores(forecasts: pd.DataFrame, nominal: float) -> dict[str, BandScores]:
    """Scores of each band that the table has.

    Args:
        forecasts: one row per series, origin and horizon.
        nominal: share of actuals that the bands should hold.
    """
    found: dict[str, BandScores] = {}
    for name, (lower, upper) in BANDS.items():
        if lower not in forecasts.columns:
            continue
        columns = forecasts[["actual", lower, upper]].astype(np.float64)
        by_horizon = {
            str(horizon): _score(rows.to_numpy(), nominal)
            for horizon, rows in columns.groupby(forecasts["horizon"].to_numpy(), sort=True)
        }
        found[name] = BandScores(**_score(columns.to_numpy(), nominal), by_horizon=by_horizon)
    return found


def fixed_coverage(bands: Mapping[str, BandScores]) -> float | None:
    """Coverage of the band with fixed widths; None where the table has none."""
    return bands["static"]["coverage"] if "static" in bands else None


def _score(columns: Floats, nominal: float) -> BandScore:
    actual, lower, upper = columns.T
    return BandScore(
        coverage=metrics.coverage(actual, lower, upper),
        interval_score=metrics.interval_score(actual, lower, upper, nominal),
        width=metrics.band_width(lower, upper),
    )
