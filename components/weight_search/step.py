"""The weight search step: from out-of-fold forecasts to weights, tables and a page."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from components.cross_validate.out_of_fold import OutOfFold, read_out_of_fold
from components.dataset.schema import Dataset
from components.errors import InputError
from components.journal import Journal
from components.weight_search.methods import METHODS
from components.weight_search.products import products_of
from components.weight_search.report import weight_search_page
from components.weight_search.search import Judged, Search, search
from components.weight_search.trials import Trial

WEIGHTS_FILE = "weights.json"
TABLES = ("trials", "methods", "experiments")
_AGAIN = "_experiment_"


@dataclass(frozen=True)
class SearchRequest:
    """What to search in.

    Attributes:
        dataset: the dataset file.
        folds: folder with out-of-fold forecasts and timings.
        trials: how many experiments with weights.
        seed: of the experiments.
        folder: to write tables and weights to.
        page: HTML file to write.
    """

    dataset: Dataset
    folds: Path
    trials: int
    seed: int
    folder: Path
    page: Path


def search_stored(request: SearchRequest, journal: Journal) -> dict[str, Any]:
    """Searches, and writes weights.json, the tables as CSV and Parquet, and the page; the facts.

    Raises:
        InputError: there are no out-of-fold forecasts, too few folds or trials, or optuna isn't installed.
    """
    began = time.perf_counter()
    table = read_out_of_fold(request.folds)
    if table.horizons != request.dataset.horizons:
        raise InputError(str(request.folds), "holds other horizons than the dataset file", "cross-validate it again")
    found = search(table, request.trials, request.seed, lambda done, total: _tell(journal, done, total))
    experiments = _experiments(table, request.folds)
    facts = _facts(found, experiments, time.perf_counter() - began)
    _write(request, found, experiments, facts)
    return facts


def _tell(journal: Journal, done: int, total: int) -> None:
    if done % 16 == 0:
        journal.progress(done, total, f"{done} experiments")


def _write(request: SearchRequest, found: Search, experiments: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    request.folder.mkdir(parents=True, exist_ok=True)
    trials = [row for last, own in found.trials.items() for row in _trial_rows(found, last, own)]
    methods = [_method_row(found, method) for method in found.methods]
    for name, frame in zip(TABLES, (pd.DataFrame(trials), pd.DataFrame(methods), experiments), strict=True):
        frame.to_csv(request.folder / f"{name}.csv", index=False)
        frame.to_parquet(request.folder / f"{name}.parquet", index=False)
    (request.folder / WEIGHTS_FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    request.page.parent.mkdir(parents=True, exist_ok=True)
    request.page.write_text(weight_search_page(request.dataset, found, experiments), encoding="utf-8")


def _trial_rows(found: Search, last: int, trials: tuple[Trial, ...]) -> list[dict[str, Any]]:
    return [
        {
            "folds_to": last,
            "trial": trial.number,
            "scope": trial.scope,
            "relative": trial.relative,
            "rmse": trial.rmse,
            "seconds": trial.seconds,
            **_weight_columns(found, trial.weights),
        }
        for trial in trials
    ]


def _method_row(found: Search, method: Judged) -> dict[str, Any]:
    figures = {name: getattr(method, name) for name in ("inside", "choosing", "check", "check_rmse")}
    return {"method": method.name, **figures, **_weight_columns(found, method.weights)}


def _weight_columns(found: Search, weights: Any) -> dict[str, float]:
    return {f"weight_{name}": float(weights[at].mean()) for at, name in enumerate(found.members)}


def _experiments(table: OutOfFold, folder: Path) -> pd.DataFrame:
    """A row for each set of trainings: what it cost and what its own members reach; nnls is fitted on all folds."""
    timings = pd.read_parquet(folder / "timings.parquet")
    folds = sorted(set(table.folds.tolist()))
    rows = []
    for number, own in timings.groupby("experiment"):
        members = {name: values for name, values in table.members.items() if _experiment_of(name) == number}
        products = products_of(replace(table, members=members), folds)
        chosen = {name: METHODS[name](products) for name in ("single", "mean", "nnls")}
        rows.append(
            {
                "experiment": int(str(number)),
                "seed": int(own.seed.iloc[0]),
                "window": int(own.window.iloc[0]),
                "trainings": len(own),
                "seconds": float(own.seconds.sum()),
                **{name: products.relative(weights) for name, weights in chosen.items()},
                "nnls_rmse": products.rmse(chosen["nnls"]),
            }
        )
    return pd.DataFrame(rows)


def _experiment_of(label: str) -> int:
    _, found, number = label.rpartition(_AGAIN)
    return int(number) if found else 0


def _facts(found: Search, experiments: pd.DataFrame, seconds: float) -> dict[str, Any]:
    kept = found.kept
    return {
        "members": list(found.members),
        "horizons": list(found.horizons),
        "trials": len(found.own_trials),
        "trials_of_the_check": sum(map(len, found.trials.values())) - len(found.own_trials),
        "seconds": round(seconds, 3),
        "kept": kept.name,
        "weights": [[round(float(value), 6) for value in row] for row in kept.weights],
        "methods": {
            method.name: {
                "relative_all_folds": round(method.inside, 6),
                "relative_choosing": round(method.choosing, 6),
                "relative_check": round(method.check, 6),
                "rmse_check": round(method.check_rmse, 6),
                "gain_on_mean_check": round(1 - method.check / found.method("mean").check, 6),
            }
            for method in found.methods
        },
        "experiments": experiments.round(6).to_dict("records"),
    }
