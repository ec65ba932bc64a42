"""Scores of every model in a table of forecasts, as `metrics.json` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from components.validate import metrics
from components.validate.bands import BandScores, band_scores
from components.validate.stored import Table, rows_by_horizon, values

MEMBER = "member_"
BASELINE = "baseline_"
WEIGHT = "weight_"


class Errors(TypedDict):
    """Errors in the target's unit."""

    mae: float
    rmse: float


class ModelScore(Errors):
    """Errors over all rows, and by horizon (the horizon in steps as text)."""

    by_horizon: dict[str, Errors]


@dataclass(frozen=True)
class Scores:
    """What the rows of a table of forecasts say.

    Attributes:
        models: every model's errors.
        coverage: of the band `lower` to `upper`.
        coverage_nominal: share of actuals that it should hold.
        bands: scores of the adaptive band and, where the table has it, of the one with fixed widths.
    """

    models: dict[str, ModelScore]
    coverage: float
    coverage_nominal: float
    bands: Mapping[str, BandScores] = field(default_factory=dict)


def model_columns(forecasts: Table) -> dict[str, str]:
    """Model names to their columns: the ensemble, each member, each baseline."""
    columns = {"ensemble": "forecast"}
    for prefix in (MEMBER, BASELINE):
        columns |= {name.removeprefix(prefix): name for name in map(str, forecasts.columns) if name.startswith(prefix)}
    return columns


def score(forecasts: Table, nominal: float) -> Scores:
    """Scores all models of a table in the layout of `forecasts.parquet`.

    Errors are pooled over all rows (series, origins and horizons alike).

    Args:
        forecasts: one row per series, origin and horizon.
        nominal: share of actuals that the band should hold.
    """
    actual = values(forecasts, "actual")
    rows = rows_by_horizon(forecasts)
    models = {
        name: _score_model(actual, values(forecasts, column), rows) for name, column in model_columns(forecasts).items()
    }
    band = metrics.coverage(actual, values(forecasts, "lower"), values(forecasts, "upper"))
    return Scores(models, coverage=band, coverage_nominal=nominal, bands=band_scores(forecasts, nominal))


def _score_model(
    actual: NDArray[np.float64], forecast: NDArray[np.float64], rows: dict[str, NDArray[np.int64]]
) -> ModelScore:
    by_horizon = {step: _errors(actual[own], forecast[own]) for step, own in rows.items()}
    return ModelScore(**_errors(actual, forecast), by_horizon=by_horizon)


def _errors(actual: NDArray[np.float64], forecast: NDArray[np.float64]) -> Errors:
    return Errors(mae=metrics.mae(actual, forecast), rmse=metrics.rmse(actual, forecast))
