"""The batch prediction step: newest windows to rows, with progress in the journal."""

from __future__ import annotations

from components.errors import InputError
from components.journal import Journal
from serving.batch.predict import predict_batch
from serving.batch.request import BatchRequest, BatchSummary

# Series without a forecast that the journal names; the summary lists all.
_NAMED = 20


def batch_predict_step(request: BatchRequest, journal: Journal) -> BatchSummary:
    """Predicts, and notes which series have no forecast.

    Raises:
        InputError: something can't be used, or no series can be forecast.
    """
    summary = predict_batch(request, journal.progress, journal.clock)
    for refusal in summary.refused[:_NAMED]:
        journal.note(f"no forecast for {refusal}")
    if summary.nothing_forecast:
        first = summary.refused[0]
        problem = f"none of {summary.series} series can be forecast; {first.series}: {first.problem}"
        raise InputError(summary.out, problem, first.fix)
    return summary
