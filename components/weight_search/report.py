"""The page of a weight search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.dataset.schema import Dataset
from components.validate.report.blocks import Block, Cell, Plots, Section, Table
from components.validate.report.layout import render_page
from components.validate.report.style import BAND, ENSEMBLE, colour, finish
from components.validate.report.wording import duration, model_title, number, share
from components.weight_search.search import Search


def weight_search_page(dataset: Dataset, found: Search, experiments: pd.DataFrame) -> str:
    """How the ways of choosing weights compare, each trial, the weights, and the experiments that trained again."""
    kept = found.kept
    gain = 1 - kept.check / found.method("mean").check
    unit = dataset.columns[dataset.target].unit or "1"
    summary = (
        f"{len(found.own_trials)} experiments with the weights of {len(found.members)} forecasts. Kept: "
        f"{model_title(kept.name)} weights. On the last fold, which chose neither them nor their kind, their "
        f"error is {_against(gain)} that of the mean of the members."
    )
    sections = [
        Section(
            "methods",
            "Ways of choosing weights",
            "Error: mean over horizons of RMSE / RMSE of persistence. Choosing: on the folds before the last, each by "
            "weights chosen on those before it; the least is kept. Check: on the last fold, by weights chosen on all "
            "before it. The error on all folds flatters those that fit most.",
            [_methods_table(found, unit)],
        ),
        Section("weights", "Weights", "Chosen on all folds; mean over horizons.", [Plots([_weights_plot(found)])]),
        Section("trials", "Experiments", "Error of each, and the least so far.", [Plots([_trials_plot(found)])]),
    ]
    if len(experiments) > 1:
        blocks: list[Block] = [_experiments_table(experiments, unit)]
        intro = "Each trained all folds again with another seed or window; errors are of all folds."
        sections.append(Section("retraining", "Trained again", intro, blocks))
    return render_page(f"{dataset.name}: weight search", summary, sections)


def _against(gain: float) -> str:
    if abs(gain) < 0.0005:
        return "the same as"
    return f"{abs(gain):.1%} {'below' if gain > 0 else 'above'}"


def _methods_table(found: Search, unit: str) -> Table:
    mean = found.method("mean").check
    rows = []
    for method in found.methods:
        mark = "best" if method is found.kept else ""
        texts = (
            number(method.inside),
            number(method.choosing),
            number(method.check),
            number(method.check_rmse),
            share(1 - method.check / mean),
        )
        rows.append([Cell(model_title(method.name), "text"), *(Cell(text, mark) for text in texts)])
    head = [
        "weights",
        "error, all folds",
        "error, choosing",
        "error, check",
        f"RMSE, check ({unit})",
        "gain on the mean, check",
    ]
    return Table(head, rows)


def _weights_plot(found: Search) -> str:
    figure = go.Figure()
    names = [model_title(method.name) for method in found.methods]
    for at, member in enumerate(found.members):
        values = [float(method.weights[at].mean()) for method in found.methods]
        figure.add_trace(
            go.Bar(x=names, y=values, name=model_title(member), marker={"color": colour(member, found.members)})
        )
    figure.update_layout(barmode="stack")
    figure.update_yaxes(title="Weight", range=[0, 1.001])
    return finish(figure, "Weights of each way", 400)


def _trials_plot(found: Search) -> str:
    figure = go.Figure()
    errors = [trial.relative for trial in found.own_trials]
    numbers = [trial.number for trial in found.own_trials]
    texts = [trial.scope for trial in found.own_trials]
    point = {"color": ENSEMBLE, "size": 6}
    figure.add_trace(go.Scatter(x=numbers, y=errors, text=texts, name="experiment", mode="markers", marker=point))
    least = np.minimum.accumulate(errors).tolist()
    line = {"color": ENSEMBLE, "width": 2, "shape": "hv"}
    figure.add_trace(go.Scatter(x=numbers, y=least, name="least so far", mode="lines", line=line, fillcolor=BAND))
    figure.update_xaxes(title="Experiment")
    figure.update_yaxes(title="Error, all folds")
    return finish(figure, "Experiments", 360)


def _experiments_table(experiments: pd.DataFrame, unit: str) -> Table:
    head: Sequence[str] = (
        "experiment", "seed", "window", "trainings", "time", "best single", "mean", "nnls", f"RMSE of nnls ({unit})"
    )  # fmt: skip
    rows = []
    for _, row in experiments.iterrows():
        name = str(row.experiment)
        window = "dataset's" if row.window in (0, None) else str(row.window)
        texts = (
            str(row.seed), window, str(row.trainings), duration(row.seconds),
            number(row.single), number(row["mean"]), number(row.nnls), number(row.nnls_rmse),
        )  # fmt: skip
        rows.append([Cell(name), *(Cell(text) for text in texts)])
    return Table(head, rows)
