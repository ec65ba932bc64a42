"""What a table of forecasts says of its bands: the adaptive one, and the one whose widths stay those of validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from components.validate import metrics
from components.validate.stored import Table, rows_by_horizon, values

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


def band_scores(forecasts: Table, nominal: float) -> dict[str, BandScores]:
    """Scores of each band that the table has.

    Args:
        forecasts: one row per series, origin and horizon.
        nominal: share of actuals that the bands should hold.
    """
    rows = rows_by_horizon(forecasts)
    found: dict[str, BandScores] = {}
    for name, (lower, upper) in BANDS.items():
        if lower not in forecasts.columns:
            continue
        columns = [values(forecasts, column) for column in ("actual", lower, upper)]
        by_horizon = {step: _score([column[own] for column in columns], nominal) for step, own in rows.items()}
        found[name] = BandScores(**_score(columns, nominal), by_horizon=by_horizon)
    return found


def fixed_coverage(bands: Mapping[str, BandScores]) -> float | None:
    """Coverage of the band with fixed widths; None where the table has none."""
    return bands["static"]["coverage"] if "static" in bands else None


def _score(columns: Sequence[Floats], nominal: float) -> BandScore:
    actual, lower, upper = columns
    return BandScore(
        coverage=metrics.coverage(actual, lower, upper),
        interval_score=metrics.interval_score(actual, lower, upper, nominal),
        width=metrics.band_width(lower, upper),
    )
