"""Figures of one peer's forecasts, by the formulas of benchmarks/accuracy.py."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.peers.tables import Table
from benchmarks.peers.wql import QUANTILES, weighted_quantile_loss

MEMBER = "member_"


def with_actuals(table: Table, forecasts: pd.DataFrame) -> pd.DataFrame:
    """Adds what was read, and keeps the scored horizons with a known actual: the layout of `forecasts.parquet`.

    Args:
        table: the readings.
        forecasts: series, origin (stamp of the last reading), horizon (steps), and columns of forecasts.
    """
    scored = forecasts[forecasts["horizon"].isin(table.horizons)]
    origins = pd.DatetimeIndex(scored["origin"])
    rows = table.readings.index.get_indexer(origins) + scored["horizon"].to_numpy()
    columns = table.readings.columns.get_indexer(pd.Index(_columns(table, scored)))
    actual = table.readings.to_numpy()[rows, columns].astype(np.float32)
    laid_out = scored.assign(actual=actual, origin=origins.tz_localize("UTC"))
    known: pd.DataFrame = laid_out[np.isfinite(actual)]
    return known.reset_index(drop=True)


def _columns(table: Table, forecasts: pd.DataFrame) -> pd.Series[str]:
    return forecasts["series"].astype(str).map(dict(table.targets))


def figures(table: Table, forecasts: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Figures by model: the peer's forecast first, then its members.

    A panel has MSE and MAE in units of the training rows' standard deviation; a single series has the Nash-Sutcliffe
    efficiency and the root mean squared error in original units at each horizon. The weighted quantile loss is there
    where the peer gives quantiles.
    """
    models = ["forecast", *(name for name in map(str, forecasts.columns) if name.startswith(MEMBER))]
    measure = _scaled if table.is_panel else _by_horizon
    measured = {model: measure(table, forecasts, model) for model in models}
    if set(QUANTILES.values()) <= set(forecasts):
        measured["forecast"]["WQL"] = weighted_quantile_loss([forecasts])
    return measured


def _scaled(table: Table, forecasts: pd.DataFrame, model: str) -> dict[str, float]:
    scale = _columns(table, forecasts).map(table.training_scale()).to_numpy(np.float64)
    error = (forecasts[model] - forecasts["actual"]).to_numpy(np.float64) / scale
    return {"MSE": float((error**2).mean()), "MAE": float(np.abs(error).mean())}


def _by_horizon(table: Table, forecasts: pd.DataFrame, model: str) -> dict[str, float]:
    """Efficiency: 1 - squared errors / squared deviations from the mean (Nash and Sutcliffe, 1970)."""
    measured = {}
    for horizon in table.horizons:
        own = forecasts[forecasts["horizon"] == horizon]
        actual = own["actual"].to_numpy(np.float64)
        squared = (own[model].to_numpy(np.float64) - actual) ** 2
        measured[f"NSE {horizon}"] = 1 - float(squared.sum() / ((actual - actual.mean()) ** 2).sum())
        measured[f"RMSE {horizon}"] = float(np.sqrt(squared.mean()))
    return measured
