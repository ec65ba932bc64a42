"""Results of a study as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def models_table(facts: Mapping[str, Any]) -> Table:
    """Errors of a cross-validation, the best first."""
    seconds = facts["seconds"]["all"]
    table = _table(f"Errors over {facts['folds']} folds ({facts['trainings']} trainings, {seconds:,.0f} s of training)")
    table.add_column("model")
    for heading in ("RMSE", "MAE", "skill", "mean of folds", "spread"):
        table.add_column(heading, justify="right")
    for name, scores in facts["models"].items():
        skills = (scores["skill"], scores["mean_of_folds"]["skill"], scores["spread_of_folds"]["skill"])
        table.add_row(name, _figure(scores["rmse"]), _figure(scores["mae"]), *map(_share, skills))
    return table


def methods_table(facts: Mapping[str, Any]) -> Table:
    """Ways of choosing weights, with the check on the last fold."""
    table = _table(f"Weights ({facts['trials']} experiments; checked on a fold that chose nothing)")
    table.add_column("weights")
    for heading in ("error, all folds", "choosing", "check", "gain on the mean, check"):
        table.add_column(heading, justify="right")
    for name, scores in facts["methods"].items():
        figures = [_figure(scores[f"relative_{part}"]) for part in ("all_folds", "choosing", "check")]
        style = "bold" if name == facts["kept"] else ""
        table.add_row(name, *figures, _share(scores["gain_on_mean_check"]), style=style)
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, pad_edge=False)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
