"""The step that scores a cross-validation: from the trainings of all folds to tables, out-of-fold forecasts, a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.cross_validate.fold_scores import ALL, MEAN, SPREAD, FoldScores, score_out_of_fold
from components.cross_validate.out_of_fold import (
    OutOfFold,
    gather_out_of_fold,
    read_trained,
    write_out_of_fold,
)
from components.cross_validate.report import cross_validation_page
from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.journal import Journal
from components.preprocess.storage import load_series

FACTS_FILE = "cross_validation.json"
DATASET_FILE = "dataset.yaml"
TABLES = ("scores", "timings")


@dataclass(frozen=True)
class ScoreRequest:
    """What to score.

    Attributes:
        dataset: the dataset file.
        series: folder of the prepared series.
        trainings: folder of each training.
        folder: to write tables and out-of-fold forecasts to.
        page: HTML file to write.
    """

    dataset: Dataset
    series: Path
    trainings: tuple[Path, ...]
    folder: Path
    page: Path


def score_folds(request: ScoreRequest, journal: Journal) -> dict[str, Any]:
    """Writes out_of_fold.parquet, the tables as CSV and Parquet, cross_validation.json and the page; the facts.

    Raises:
        InputError: a training is missing or damaged, or the trainings of a fold share no origin.
    """
    trained = sorted((read_trained(path) for path in request.trainings), key=_order)
    table = gather_out_of_fold(load_series(request.series), request.dataset.horizons, trained)
    journal.progress(1, 3, f"{len(table.folds):,} origins")
    scores = score_out_of_fold(table, trained)
    request.folder.mkdir(parents=True, exist_ok=True)
    write_out_of_fold(table, request.folder)
    for name, frame in zip(TABLES, (scores.errors, scores.timings), strict=True):
        frame.to_csv(request.folder / f"{name}.csv", index=False)
        frame.to_parquet(request.folder / f"{name}.parquet", index=False)
    (request.folder / DATASET_FILE).write_text(dump_dataset(request.dataset), encoding="utf-8")
    facts = _facts(request.dataset, table, scores)
    (request.folder / FACTS_FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    journal.progress(2, 3, "the page")
    request.page.parent.mkdir(parents=True, exist_ok=True)
    request.page.write_text(cross_validation_page(request.dataset, table, scores), encoding="utf-8")
    return facts


def _order(one: Any) -> tuple[int, int]:
    return one.training.experiment, one.training.fold


def _facts(dataset: Dataset, table: OutOfFold, scores: FoldScores) -> dict[str, Any]:
    timings = scores.timings
    return {
        "model": dataset.name,
        "target": dataset.target,
        "unit": dataset.columns[dataset.target].unit,
        "folds": len(set(table.folds.tolist())),
        "trainings": len(timings),
        "origins": len(table.folds),
        "best": scores.models[0],
        "models": {name: _model_facts(scores, name) for name in scores.models},
        "seconds": {
            "all": _rounded(timings.seconds.sum()),
            "by_member": _sums(timings, "member"),
            "by_fold": _sums(timings, "fold"),
            "by_experiment": _sums(timings, "experiment"),
        },
    }


def _model_facts(scores: FoldScores, name: str) -> dict[str, Any]:
    own = scores.errors[scores.errors.model == name]
    whole = own[own.horizon == ALL].set_index("fold")
    by_horizon = own[(own.fold == ALL) & (own.horizon != ALL)].set_index("horizon")
    figures = ["rmse", "mae", "skill"]
    return {
        **{figure: _rounded(whole.loc[ALL, figure]) for figure in figures},
        "mean_of_folds": {figure: _rounded(whole.loc[MEAN, figure]) for figure in figures},
        "spread_of_folds": {figure: _rounded(whole.loc[SPREAD, figure]) for figure in figures},
        "by_fold": {
            fold: {figure: _rounded(row[figure]) for figure in figures}
            for fold, row in whole.drop([ALL, MEAN, SPREAD]).iterrows()
        },
        "by_horizon": {
            step: {figure: _rounded(row[figure]) for figure in figures} for step, row in by_horizon.iterrows()
        },
    }


def _sums(timings: Any, by: str) -> dict[str, float | None]:
    return {str(key): _rounded(seconds) for key, seconds in timings.groupby(by, sort=False).seconds.sum().items()}


def _rounded(value: Any) -> float | None:
    # NaN is no JSON.
    return round(float(value), 6) if value == value else None
