"""What the documents say of one V100 alone: core-v100's memory formula, parameters, serving, and the dawn window."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.capacity.examples.comparison import Part, Row
from pipelines.capacity.examples.cycles import Configuration, cycle_hours
from pipelines.capacity.examples.documents import Documents
from pipelines.capacity.examples.own_members import memory_part, parameters_part

_FLOAT32_BYTES = 4
_MB = 1e6
# core-v100, activation maps: three LSTM layers of 128, 4 heads of attention, 192 channels of convolution.
_LSTM_VALUES_PER_ROW = 3 * 128
_HEADS = 4
_CONVOLUTION_CHANNELS = 192


@dataclass(frozen=True)
class FormulaTerms:
    """core-v100's formula of training memory, computed, each term in 10^6 bytes."""

    weights: float
    gradients: float
    adam: float
    batch: float
    lstm_activations: float
    attention_activations: float
    cnn_activations: float

    @property
    def total(self) -> float:
        """All terms."""
        return sum(float(term) for term in vars(self).values())


def formula_terms(documents: Documents) -> FormulaTerms:
    """The document's own expressions with its own inputs; its parameters are the five models together already."""
    weights = documents.stated("parameters.now").low * _FLOAT32_BYTES / _MB
    batch, rows = documents.stated("batch_windows.training").low, documents.stated("window.rows").low
    per_value = batch * rows * _FLOAT32_BYTES / _MB
    return FormulaTerms(
        weights=weights,
        gradients=weights,
        adam=2 * weights,
        batch=per_value * documents.stated("window.columns").low,
        lstm_activations=per_value * _LSTM_VALUES_PER_ROW,
        attention_activations=per_value * rows * _HEADS,
        cnn_activations=per_value * _CONVOLUTION_CHANNELS,
    )


def parts(documents: Documents, configuration: Configuration) -> tuple[Part, ...]:
    """The parts that only one V100 has."""
    return (
        parameters_part(documents),
        memory_part(documents, configuration),
        Part("core-v100's memory formula", _formula(documents)),
        Part("Serving", _serving(documents)),
        Part("The day", _day(documents, configuration)),
    )


def _formula(documents: Documents) -> tuple[Row, ...]:
    terms = formula_terms(documents)
    expressions = {
        "weights": ("Weights", "stated parameters x 4 B; they are the five together"),
        "gradients": ("Gradients", "as the weights"),
        "adam": ("Adam's two copies", "2 x weights"),
        "batch": ("Batch", "windows x rows x columns x 4 B"),
        "lstm_activations": ("Activations, LSTM", "windows x rows x 3 layers of 128 x 4 B"),
        "attention_activations": ("Activations, attention", "windows x rows x rows x 4 heads x 4 B"),
        "cnn_activations": ("Activations, CNN", "windows x rows x 192 channels x 4 B"),
        "total": ("Sum", "of all terms"),
    }
    rows = [
        documents.row(title, "MB", f"formula_memory_mb.{key}", getattr(terms, key), how)
        for key, (title, how) in expressions.items()
    ]
    peak, stated = (
        documents.stated("training_memory_gb.now").high * 1000,
        documents.stated("formula_memory_mb.total").low,
    )
    ratio = f"{peak / stated:.0f} times the stated sum; no term of the formula explains it"
    named = documents.row("Peak over the sum", "times", "", peak / terms.total, ratio)
    return (*rows, documents.naming(named, "formula_against_peak"))


def _serving(documents: Documents) -> tuple[Row, ...]:
    windows = documents.stated("batch_windows.scored").low
    period = documents.stated("serving_period_seconds.batch").low
    gpu, cpu = (documents.stated(f"latency_seconds.{device}").low for device in ("gpu", "cpu"))
    values = windows * documents.stated("window.rows").low * documents.stated("window.columns").low
    weights_gb, batch_gb = formula_terms(documents).weights / 1000, values * _FLOAT32_BYTES / 1e9
    period_key = "serving_period_seconds.batch"
    return (
        documents.row(f"{windows:,.0f} windows one by one, GPU", "s", period_key, windows * gpu, f"{gpu:g} s each"),
        documents.row(f"{windows:,.0f} windows one by one, CPU", "s", period_key, windows * cpu, f"{cpu:g} s each"),
        documents.row("Windows to score in a second", "", "", windows / period, f"{windows:,.0f} in {period:g} s"),
        documents.row("GPU faster than CPU", "times", "latency_gain.gpu", cpu / gpu, f"{cpu:g} s over {gpu:g} s"),
        documents.row(
            "Weights in inference", "GB", "inference_memory_gb.weights", weights_gb, "stated parameters x 4 B"
        ),
        documents.row(
            "Batch in inference",
            "GB",
            "inference_memory_gb.batch",
            batch_gb,
            f"{windows:,.0f} windows x rows x columns x 4 B",
        ),
    )


def _day(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    window = documents.stated("retrain_window_hours.daily").low
    cycle, stated = cycle_hours(documents, configuration), documents.stated("cycle_hours.v100x1")
    fits = (
        "yes"
        if stated.high <= window
        else f"{_of(cycle, window)} on {cycle:g} h, {_of(stated.high, window)} on {stated.high:g} h"
    )
    cpu = documents.stated("cycle_hours.cpu")
    return (
        documents.row(
            "Cycle within the dawn window", "h", "retrain_window_hours.daily", fits, f"window of {window:g} h"
        ),
        documents.row("Backup within the window", "hour", "backup.hour", "yes", "where it opens by 02:00"),
        documents.row("Cycle on a CPU", "h", "cycle_hours.cpu"),
        documents.row("CPU against one V100", "times", "cycle_ratio.cpu", cpu / stated, f"{cpu} h over {stated} h"),
        documents.row("Tuning of the ensemble", "weeks", "ensemble_tuning_weeks.v100x1"),
        documents.row("Waiting for a cycle", "h a day", "waiting_hours_per_day.v100x1", cycle, "one cycle"),
        documents.row("Project", "months", "development_months.v100x1"),
        documents.row("Accuracy of the ensemble", "%", "accuracy_percent.ensemble", None, "of no metric that is named"),
    )


def _of(hours: float, window: float) -> str:
    return "yes" if hours <= window else "no"
