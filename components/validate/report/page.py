"""The page itself."""

from __future__ import annotations

from components.validate.gate import Unmeasured
from components.validate.report import error_plots, readings_plot, storms, tables
from components.validate.report.band_tables import bands_table, combinations_table
from components.validate.report.blocks import Block, Plots, Section, Table, Text
from components.validate.report.content import Content
from components.validate.report.layout import render_template
from components.validate.report.training_plot import learning_curves
from components.validate.report.wording import count, lead, number


def render(content: Content) -> str:
    """The whole report as one HTML page: styles, plots and plotly's code are inside, nothing is fetched."""
    return render_template(
        "page.html.j2",
        content=content,
        dataset=content.dataset,
        summary=_summary(content),
        sections=_sections(content),
        gate=tables.gate_table(content),
    )


def _sections(content: Content) -> list[Section]:
    return [
        _errors(content),
        _storms(content),
        _spikes(content),
        _bands(content),
        _ensemble(content),
        _training(content),
        _data(content),
        _servable(content),
    ]


def _summary(content: Content) -> str:
    models = content.scores.models
    rmse = models["ensemble"]["rmse"]
    gains = [
        f"{_against(1 - rmse / models[name]['rmse'])} {title}"
        for name, title in (("persistence", "persistence"), ("linear", "the linear model"))
        if name in models and models[name]["rmse"] > 0
    ]
    against = f" ({', '.join(gains)})" if gains else ""
    horizons = (
        f"{lead(content.aligned.horizons[0], content.dataset)} to {lead(content.aligned.horizons[-1], content.dataset)}"
    )
    return (
        f"Over {count(len(content.aligned.origins))} windows of the test part, {horizons} ahead, the RMSE of the "
        f"ensemble is {number(rmse)} {content.unit}{against}. {error_plots.interval_scores(content)}"
    )


def _against(gain: float) -> str:
    if abs(gain) < 0.0005:
        return "the same as"
    return f"{abs(gain):.1%} {'below' if gain > 0 else 'above'}"


def _errors(content: Content) -> Section:
    blocks: list[Block] = [
        tables.headline_table(content),
        Plots([error_plots.errors_plot(content)]),
        *tables.horizon_tables(content),
    ]
    intro = "Test part: readings later than all that any model was fitted on. NSE and KGE are 1 at best."
    return Section("errors", "Errors", intro, blocks)


def _storms(content: Content) -> Section:
    found = storms.storms(content)
    intro = (
        "The largest rises of the test part. Each point is the forecast for that moment, made so long before as the "
        "button says; the legend switches members on."
    )
    if not found:
        return Section("events", "Largest events", intro, [Text("The target doesn't rise in the test part.")])
    plots = Plots(storms.storm_plots(content, found), columns=min(2, len(found)))
    return Section("events", "Largest events", intro, [plots, storms.peaks_table(content, found)])


def _spikes(content: Content) -> Section:
    series = content.series
    intro = (
        f"A spike: {content.dataset.target} rises by {number(series.spike_rise)} {content.unit} or more within "
        f"{lead(series.spike_within, content.dataset)}."
    )
    if isinstance(content.spikes, Unmeasured):
        return Section("spikes", "Spikes", intro, [Text(f"Not measured: {content.spikes.reason}.")])
    plot = Plots([error_plots.precision_recall_plot(content, content.spikes)])
    return Section("spikes", "Spikes", intro, [plot, tables.spike_table(content, content.spikes)])


def _bands(content: Content) -> Section:
    intro = (
        "Adaptive: the widths follow the share of actuals that they cover, each actual known only after its horizon "
        "has passed; the servable carries the last of them, and the gate judges this band. Static: the widths of "
        "validation. The dashed line is the share that the band was made for, the grey strip what the gate allows."
    )
    blocks: list[Block] = [bands_table(content), Plots([error_plots.coverage_plot(content)])]
    return Section("bands", "Bands", intro, blocks)


def _ensemble(content: Content) -> Section:
    kind = str(content.card["ensemble"]["kind"])
    intro = (
        f"Kept: {kind} weights, judged on blocks of validation on which no weights were fitted. "
        "More elaborate weights are kept only where they are clearly better."
    )
    notes = [Text(str(note)) for note in content.card["ensemble"].get("notes") or []]
    plot = error_plots.weights_plot(content)
    beside = combinations_table(content)
    figures: list[Block] = [tables.choice_table(content), *([beside] if beside else [])]
    blocks: list[Block] = [*figures, *notes, *([Plots([plot])] if plot else [])]
    return Section("ensemble", "Ensemble", intro, blocks)


def _training(content: Content) -> Section:
    curves = learning_curves(content)
    blocks: list[Block] = [*([Plots([curves])] if curves else []), tables.members_table(content)]
    intro = "Where more than one way of training was tried, the validation RMSE of each is given and the best was kept."
    return Section("training", "Training", intro, blocks)


def _data(content: Content) -> Section:
    found: list[Table | None] = [tables.counts_table(content), tables.reasons_table(content)]
    blocks: list[Block] = [*(table for table in found if table), readings_plot.parts_table(content)]
    intro = "Rows read = rows kept + rows quarantined. No window lies across a gap."
    return Section("data", "Data quality", intro, [*blocks, Plots([readings_plot.readings_plot(content)])])


def _servable(content: Content) -> Section:
    intro = "One SavedModel: raw readings in, forecast, band, members, weights and spike probability out."
    return Section("servable", "Servable", intro, [tables.servable_table(content)])
