"""Errors by model, fold and horizon, and wall time by training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.cross_validate.out_of_fold import OutOfFold, Trained

ALL = "all"
MEAN, SPREAD = "mean", "spread"
FIGURES = ("rmse", "mae", "skill")


@dataclass(frozen=True)
class FoldScores:
    """Tables of a cross-validation.

    Attributes:
        errors: columns model, fold, horizon, origins, rmse, mae, skill. Fold is a number, `all` (of all origins
            together), `mean` or `spread` (mean and standard deviation of the folds' figures); horizon is a number
            of steps or `all`. Skill is 1 - RMSE / RMSE of persistence.
        timings: columns experiment, member, fold, seed, window, seconds, mode, peak_memory_bytes: a row a training.
    """

    errors: pd.DataFrame
    timings: pd.DataFrame

    def figure(self, model: str, fold: str = ALL, horizon: str = ALL, name: str = "skill") -> float:
        """One figure of `errors`."""
        table = self.errors
        found = table[(table.model == model) & (table.fold == fold) & (table.horizon == horizon)]
        return float(found[name].iloc[0])

    @property
    def models(self) -> tuple[str, ...]:
        """Names, the least error over all origins first."""
        whole = self.errors[(self.errors.fold == ALL) & (self.errors.horizon == ALL)]
        return tuple(whole.sort_values("rmse").model)


def score_out_of_fold(table: OutOfFold, trained: Sequence[Trained]) -> FoldScores:
    """Scores the members, their mean, and the baselines."""
    mean = np.mean(list(table.members.values()), axis=0)
    models: dict[str, NDArray[Any]] = {**table.members, "mean": mean, **table.baselines}
    errors = {name: np.abs(values.astype(np.float64) - table.actual) for name, values in models.items()}
    rows = [row for name in models for row in _rows(table, name, errors)]
    return FoldScores(_with_spread(pd.DataFrame(rows)), pd.DataFrame([_timing(one) for one in trained]))


def _rows(table: OutOfFold, name: str, errors: Mapping[str, NDArray[np.float64]]) -> Iterator[dict[str, Any]]:
    folds = {str(fold): table.folds == fold for fold in np.unique(table.folds)}
    for fold, chosen in {**folds, ALL: np.ones(len(table.folds), np.bool_)}.items():
        columns: dict[str, Any] = {str(step): [at] for at, step in enumerate(table.horizons)}
        for horizon, columns_of in {**columns, ALL: slice(None)}.items():
            own = errors[name][chosen][:, columns_of]
            reference = _rmse(errors["persistence"][chosen][:, columns_of])
            rmse = _rmse(own)
            yield {
                "model": name,
                "fold": fold,
                "horizon": horizon,
                "origins": int(chosen.sum()),
                "rmse": rmse,
                "mae": float(np.nanmean(own)) if np.isfinite(own).any() else float("nan"),
                "skill": 1 - rmse / reference if reference > 0 else float("nan"),
            }


def _rmse(errors: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.nanmean(errors**2))) if np.isfinite(errors).any() else float("nan")


def _with_spread(errors: pd.DataFrame) -> pd.DataFrame:
    folds = errors[errors.fold != ALL]
    grouped = folds.groupby(["model", "horizon"], sort=False)
    origins = grouped["origins"].sum()
    spread = grouped[list(FIGURES)].std(ddof=1)
    tables = [
        frame.assign(origins=origins, fold=name).reset_index()
        for name, frame in ((MEAN, grouped[list(FIGURES)].mean()), (SPREAD, spread))
    ]
    return pd.concat([errors, *tables], ignore_index=True)[list(errors.columns)]


def _timing(one: Trained) -> dict[str, Any]:
    return {
        "experiment": one.training.experiment,
        "member": one.training.member,
        "fold": one.training.fold,
        "seed": one.training.seed,
        "window": one.training.window,
        "seconds": float(one.detail["seconds"]),
        "mode": str(one.detail["mode"]),
        "peak_memory_bytes": int(one.detail["peak_memory_bytes"]),
    }
