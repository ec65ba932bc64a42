"""The report's tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from components.validate import metrics
from components.validate.gate import NOT_MEASURED, RuleResult
from components.validate.report.blocks import Cell, Table
from components.validate.report.content import Content
from components.validate.report.wording import count, lead, model_title, number, share, size
from components.validate.scores import model_columns
from components.validate.stored import values

Measure = Callable[[metrics.Floats, metrics.Floats], float]
Better = Callable[[Sequence[float]], float]
Column = tuple[Sequence[float], Better]


def gate_table(content: Content) -> Table:
    """Each rule: measured against wanted."""
    return Table(("Rule", "Measured", "Wanted", "Verdict", "How"), [_rule_row(rule) for rule in content.gate.rules])


def _rule_row(rule: RuleResult) -> list[Cell]:
    if rule.measured is None:
        measured, verdict = NOT_MEASURED, Cell("passed", "muted")
    else:
        measured = f"{number(rule.measured)} {rule.unit}".rstrip()
        verdict = Cell("passed", "good") if rule.passed else Cell("refused", "bad")
    return [
        Cell(rule.name, "text"),
        Cell(measured),
        Cell(_signs(rule.wanted)),
        verdict,
        Cell(rule.explanation, "text small"),
    ]


def _signs(wanted: str) -> str:
    return wanted.replace(">=", "≥").replace("<=", "≤").replace("+-", "±")


def headline_table(content: Content) -> Table:
    """All models over all horizons, and RMSE by horizon."""
    steps = content.shown_horizons(5)
    head = ["Model", *(f"{name} ({content.unit})" for name in ("RMSE", "MAE")), "NSE", "KGE", f"Bias ({content.unit})"]
    overall = _pooled(content, (metrics.rmse, metrics.mae, metrics.nse, metrics.kge, metrics.bias))
    columns: list[Column] = [
        *((column, better) for column, better in zip(overall[:-1], (min, min, max, max), strict=True)),
        (overall[-1], _nearest_zero),
        *((column, min) for column in _at_horizons(content, steps, metrics.rmse)),
    ]
    head += [f"RMSE at {lead(step, content.dataset)}" for step in steps]
    return Table(head, _model_rows(content, columns), "Best of each column in bold.")


def horizon_tables(content: Content) -> list[Table]:
    """MAE and NSE by horizon, folded."""
    steps = content.shown_horizons(8)
    wanted: tuple[tuple[str, Measure, Better], ...] = (
        (f"MAE by horizon ({content.unit})", metrics.mae, min),
        ("NSE by horizon", metrics.nse, max),
    )
    head = ["Model", *(lead(step, content.dataset) for step in steps)]
    return [
        Table(
            head,
            _model_rows(content, [(column, better) for column in _at_horizons(content, steps, measure)]),
            caption,
            folded=True,
        )
        for caption, measure, better in wanted
    ]


def _nearest_zero(figures: Sequence[float]) -> float:
    return min(figures, key=abs)


def _model_rows(content: Content, columns: Sequence[Column]) -> list[list[Cell]]:
    names = list(model_columns(content.aligned.table))
    best = [better([value for value in column if math.isfinite(value)] or [math.nan]) for column, better in columns]
    rows = []
    for index, name in enumerate(names):
        figures = [
            Cell(number(column[index]), "best" if column[index] == top else "")
            for (column, _), top in zip(columns, best, strict=True)
        ]
        rows.append([Cell(model_title(name), "text strong" if name == "ensemble" else "text"), *figures])
    return rows


def _pooled(content: Content, measures: Sequence[Measure]) -> list[tuple[float, ...]]:
    """Each measure of each model."""
    table = content.aligned.table
    actual = values(table, "actual")

    def measured(forecast: metrics.Floats) -> list[float]:
        return [measure(actual, forecast) for measure in measures]

    return list(zip(*(measured(values(table, column)) for column in model_columns(table).values()), strict=True))


def _at_horizons(content: Content, steps: Sequence[int], measure: Measure) -> list[tuple[float, ...]]:
    """One measure at each of some horizons, of each model."""
    aligned = content.aligned
    positions = [aligned.horizons.index(step) for step in steps]
    actual = aligned.matrix("actual")

    def measured(forecast: metrics.Floats) -> list[float]:
        return [measure(actual[:, at], forecast[:, at]) for at in positions]

    columns = model_columns(aligned.table).values()
    return list(zip(*(measured(aligned.matrix(column)) for column in columns), strict=True))


def counts_table(content: Content) -> Table:
    """Rows on their way from the source to the grid."""
    ingested = content.ingested
    rows = (
        ("Rows read", ingested["rows_in"]),
        ("Rows kept", ingested["rows_kept"]),
        ("Rows quarantined", ingested["rows_quarantined"]),
        ("Single values quarantined", ingested["cells_quarantined"]),
        ("Rows on the regular grid", len(content.series.stamps)),
    )
    return Table(("Readings", "Count"), [[Cell(name, "text"), Cell(count(float(value)))] for name, value in rows])


def reasons_table(content: Content) -> Table | None:
    """Why rows and values were quarantined, where the ingest step says so."""
    reasons = content.ingested.get("reasons")
    if not isinstance(reasons, dict) or not reasons:
        return None
    ordered = sorted(reasons.items(), key=lambda item: -float(item[1]))
    return Table(
        ("Reason of quarantine", "Count"), [[Cell(str(why), "text"), Cell(count(float(many)))] for why, many in ordered]
    )


def choice_table(content: Content) -> Table:
    """The ways to combine the members, by their error on validation readings that were held back.

    Where the card gives errors relative to persistence, these decided.
    """
    ensemble = content.card["ensemble"]
    kept, rmse = str(ensemble["kind"]), ensemble["candidates"]
    deciding = ensemble.get("candidates_relative") or rmse
    ordered = sorted((kind for kind in deciding if deciding[kind] is not None), key=lambda kind: float(deciding[kind]))
    head = ["Weights", f"Held-back RMSE ({content.unit})", "RMSE / persistence", "Against the kept"]
    rows = []
    for kind in ordered:
        above = deciding[kind] / deciding[kept] - 1 if deciding.get(kept) else math.nan
        rows.append(
            [
                Cell(model_title(kind), "text strong" if kind == kept else "text"),
                Cell(number(rmse.get(kind), 4)),
                Cell(number(deciding[kind], 4) if deciding is not rmse else "–"),
                Cell("kept", "good") if kind == kept else Cell(f"{above:+.2%}" if math.isfinite(above) else "–"),
            ]
        )
    return Table(head, rows, "RMSE / persistence is the mean over horizons, so that long horizons don't decide alone.")


def members_table(content: Content) -> Table:
    """What each member is and what it took."""
    head = (
        *("Member", "Parameters", "Trained on", "Validation RMSE", "Seconds", "Peak memory"),
        *("Rows a second", "Targets a second", "Waiting for data", "Device"),
    )
    rows = []
    for detail in content.card.get("members_detail", []):
        rows_per_second, speed = (detail.get(f"{what}_per_second") for what in ("rows", "targets"))
        rows.append(
            [
                Cell(model_title(str(detail["name"])), "text"),
                Cell(count(float(detail["parameters"]))),
                Cell(_mode(detail.get("mode"), detail.get("modes_tried") or {}), "text"),
                Cell(number(detail.get("validation_rmse"), 4)),
                Cell(_seconds(detail)),
                Cell(size(detail.get("peak_memory_bytes"))),
                Cell(count(float(rows_per_second)) if rows_per_second else "–"),
                Cell(count(float(speed)) if speed else "–"),
                Cell(f"{detail['waiting_share']:.1%}" if speed and "waiting_share" in detail else "–"),
                Cell(str(detail.get("device", "–")), "text"),
            ]
        )
    return Table(head, rows)


def _seconds(detail: Mapping[str, Any]) -> str:
    """What the member took, and for one that was trained further what it took when its weights were fresh."""
    taken, fresh = detail.get("seconds"), detail.get("seconds_from_scratch")
    return number(taken) if fresh is None else f"{number(taken)} (from scratch {number(fresh)})"


def _mode(mode: object, tried: dict[str, float | None]) -> str:
    others = [f"{name} {number(value, 4)}" for name, value in tried.items()]
    return f"{mode} ({', '.join(others)})" if len(others) > 1 else str(mode or "–")


def servable_table(content: Content) -> Table:
    """Facts of the servable."""
    card = content.card
    rows = (
        ("Size on disk", size(content.servable.size_bytes)),
        ("One window, median of saved-model calls", f"{number(content.servable.latency_ms)} ms"),
        ("Parameters", count(float(card["parameters"]))),
        ("Window", f"{card['window']} readings of {len(card['inputs'])} columns"),
        ("Made", str(card.get("created", "–"))),
        ("Data digest", str(card.get("data_digest", "–"))[:16]),
        ("Code version", str(card.get("code_version", "–"))[:16]),
    )
    return Table(("Servable", ""), [[Cell(name, "text"), Cell(value)] for name, value in rows])


def spike_table(content: Content, detection: metrics.Detection) -> Table:
    """The point at which the gate looks."""
    rate = content.dataset.gate.false_alarm_rate
    point = metrics.operating_point(detection, rate)
    figures = [("Average precision", number(metrics.average_precision(detection)))]
    figures += [("Share of origins before a spike", share(detection.events / detection.cases))]
    if point is not None:
        figures += [
            ("Threshold of the probability", number(float(detection.threshold[point]))),
            ("Spikes caught (POD)", share(float(detection.recall[point]))),
            ("False alarms among calls (FAR)", share(1 - float(detection.precision[point]))),
            ("Critical success index (CSI)", number(float(detection.csi[point]))),
            ("Calm origins called", share(float(detection.false_alarm_rate[point]))),
        ]
    caption = f"At the threshold that calls at most {rate:.0%} of the calm origins."
    return Table(("Spikes", ""), [[Cell(name, "text"), Cell(value)] for name, value in figures], caption)
