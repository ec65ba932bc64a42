"""Tables that lay adaptive beside fixed bands, and dynamic beside static weights."""

from __future__ import annotations

from components.validate.bands import BandScore
from components.validate.combinations import DYNAMIC, REFERENCES
from components.validate.report.blocks import Cell, Table
from components.validate.report.content import Content
from components.validate.report.wording import lead, model_title, number, share


def bands_table(content: Content) -> Table:
    """Coverage, interval score and width of each band, over all horizons and by horizon."""
    steps = content.shown_horizons(6)
    bands = content.scores.bands
    head = ["Time ahead"]
    for name in bands:
        head += [f"{name.capitalize()}: inside", f"Winkler ({content.unit})", f"width ({content.unit})"]
    rows = [_row("all", [bands[name] for name in bands], "text strong")]
    for step in steps:
        scores = [bands[name]["by_horizon"][str(step)] for name in bands]
        rows.append(_row(lead(step, content.dataset), scores, "text"))
    return Table(
        head, rows, "Winkler's interval score: width and 2 / (1 - nominal) x the distance outside; less is better."
    )


def _row(title: str, scores: list[BandScore], style: str) -> list[Cell]:
    least = min(score["interval_score"] for score in scores)
    cells = [Cell(title, style)]
    for score in scores:
        best = "best" if len(scores) > 1 and score["interval_score"] == least else ""
        cells += [
            Cell(share(score["coverage"])),
            Cell(number(score["interval_score"]), best),
            Cell(number(score["width"])),
        ]
    return cells


def combinations_table(content: Content) -> Table | None:
    """RMSE of each kind of weights on the test part and its regret; None where the table of forecasts has none."""
    found = content.combinations
    if not found.test:
        return None
    head = (
        "Weights",
        f"Test RMSE ({content.unit})",
        "Regret on test",
        f"Held-back RMSE ({content.unit})",
        "Regret on validation",
    )
    rows = []
    for kind in sorted(found.test, key=lambda name: found.test[name]):
        regrets = [found.regret(kind, part) for part in ("test", "validation")]
        on_test, on_validation = ("–" if regret is None else f"{regret:+.2%}" for regret in regrets)
        rows.append(
            [
                Cell(model_title(kind), "text strong" if kind == found.kept else "text"),
                Cell(number(found.test[kind], 4)),
                Cell(on_test),
                Cell(number(found.validation.get(kind), 4)),
                Cell(on_validation),
            ]
        )
    named = ", ".join(REFERENCES)
    caption = (
        f"Every kind was fitted on validation and never saw the test part. Regret: RMSE above the lowest of {named}. "
        f"`{DYNAMIC}` are the dynamic weights, kept or not."
    )
    return Table(head, rows, caption)
