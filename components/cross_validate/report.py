"""The page of a cross-validation."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from components.cross_validate.fold_scores import ALL, MEAN, SPREAD, FoldScores
from components.cross_validate.out_of_fold import OutOfFold
from components.dataset.schema import Dataset
from components.validate.report.blocks import Cell, Plots, Section, Table
from components.validate.report.layout import render_page
from components.validate.report.style import ENSEMBLE, finish, model_line
from components.validate.report.wording import count, duration, lead, model_title, number, share, stamp

_TICKS = 8


def cross_validation_page(dataset: Dataset, table: OutOfFold, scores: FoldScores) -> str:
    """Errors by model, fold and horizon, and what the trainings took."""
    unit = dataset.columns[dataset.target].unit or "1"
    members = tuple(table.members)
    best = scores.models[0]
    folds = len(set(table.folds.tolist()))
    summary = (
        f"{len(scores.timings)} trainings on {folds} folds, {count(len(table.folds))} origins. Least RMSE of all: "
        f"{model_title(best)}, {number(scores.figure(best, name='rmse'))} {unit}, skill {share(scores.figure(best))}."
    )
    sections = [
        Section(
            "models",
            "Errors",
            "Each fold trains on the rows before its block and is scored on the block. Skill is 1 - RMSE / RMSE of "
            "persistence; mean and spread (standard deviation) are over folds.",
            [_models_table(scores, unit), Plots([_folds_plot(scores, members)])],
        ),
        Section("horizons", "By horizon", "RMSE over all blocks.", [Plots([_horizons_plot(dataset, scores, members)])]),
        Section("folds", "Folds", "Blocks follow one another in time.", [_folds_table(dataset, table)]),
        Section("time", "Time", "Wall clock of each training.", [Plots([_time_plot(scores)]), _time_table(scores)]),
    ]
    return render_page(f"{dataset.name}: cross-validation", summary, sections)


def _models_table(scores: FoldScores, unit: str) -> Table:
    head = ["model", f"RMSE ({unit})", f"MAE ({unit})", "skill", "skill, mean of folds", "spread of skill"]
    rows = []
    for place, name in enumerate(scores.models):
        figures = [
            number(scores.figure(name, name="rmse")),
            number(scores.figure(name, name="mae")),
            share(scores.figure(name)),
            share(scores.figure(name, fold=MEAN)),
            share(scores.figure(name, fold=SPREAD)),
        ]
        mark = "" if place else "best"
        rows.append([Cell(model_title(name), "text"), *(Cell(text, mark) for text in figures)])
    return Table(head, rows)


def _folds_plot(scores: FoldScores, members: Sequence[str]) -> str:
    figure = go.Figure()
    folds = _folds(scores)
    for name in scores.models:
        if name != "persistence":
            skills = [scores.figure(name, fold=fold) for fold in folds]
            figure.add_trace(_line(name, folds, skills, members))
    figure.update_xaxes(title="Fold", type="category")
    figure.update_yaxes(title="Skill against persistence", tickformat=".0%")
    return finish(figure, "Skill by fold", 400)


def _line(name: str, x: Sequence[object], y: Sequence[float], members: Sequence[str]) -> object:
    # The mean of the members has the ensemble's look.
    trace = model_line("ensemble" if name == "mean" else name, list(x), list(y), tuple(members))
    trace.name = model_title(name)
    return trace


def _folds(scores: FoldScores) -> list[str]:
    return [fold for fold in dict.fromkeys(scores.errors.fold) if fold not in (ALL, MEAN, SPREAD)]


def _horizons_plot(dataset: Dataset, scores: FoldScores, members: Sequence[str]) -> str:
    figure = go.Figure()
    steps = list(dataset.horizons)
    for name in scores.models:
        errors = [scores.figure(name, horizon=str(step), name="rmse") for step in steps]
        figure.add_trace(_line(name, steps, errors, members))
    shown = steps if len(steps) <= _TICKS else [steps[round(at * (len(steps) - 1) / (_TICKS - 1))] for at in range(8)]
    figure.update_xaxes(title="Time ahead", tickvals=shown, ticktext=[lead(step, dataset) for step in shown])
    figure.update_yaxes(title="RMSE", rangemode="tozero")
    return finish(figure, "Error by horizon, all folds", 400)


def _folds_table(dataset: Dataset, table: OutOfFold) -> Table:
    rows = []
    for fold in sorted(set(table.folds.tolist())):
        stamps = table.stamps[table.folds == fold]
        first, last = stamp(stamps.min(), dataset), stamp(stamps.max(), dataset)
        rows.append([Cell(str(fold)), Cell(count(len(stamps))), Cell(first), Cell(last)])
    return Table(["fold", "origins", "first origin", "last origin"], rows, f"Times are in {dataset.timezone}.")


def _time_plot(scores: FoldScores) -> str:
    figure = go.Figure()
    timings = scores.timings
    for fold in sorted(timings.fold.unique()):
        own = timings[timings.fold == fold]
        opacity = 0.35 + 0.65 * fold / timings.fold.max()
        names = [_training_title(row) for _, row in own.iterrows()]
        figure.add_trace(
            go.Bar(x=names, y=own.seconds.tolist(), name=f"fold {fold}", marker={"color": ENSEMBLE, "opacity": opacity})
        )
    figure.update_layout(barmode="stack")
    figure.update_yaxes(title="Seconds")
    return finish(figure, "Seconds of training, by member and fold", 340)


def _training_title(row: pd.Series) -> str:
    again = f", experiment {row.experiment}" if row.experiment else ""
    return model_title(str(row.member)) + again


def _time_table(scores: FoldScores) -> Table:
    timings = scores.timings
    whole = timings.groupby(["experiment", "member"], sort=False).seconds.agg(["count", "mean", "sum"]).reset_index()
    rows = [
        [
            Cell(_training_title(row), "text"),
            Cell(str(row["count"])),
            Cell(duration(row["mean"])),
            Cell(duration(row["sum"])),
        ]
        for _, row in whole.iterrows()
    ]
    rows.append(
        [
            Cell("all", "text"),
            Cell(str(len(timings))),
            Cell(duration(timings.seconds.mean())),
            Cell(duration(timings.seconds.sum())),
        ]
    )
    return Table(["member", "trainings", "mean", "sum"], rows)
