"""What the documents say of two V100s alone: the step of the pair, and what a second card saves."""

from __future__ import annotations

from pipelines.capacity.examples.comparison import Part, Row
from pipelines.capacity.examples.cycles import Configuration, cycle_hours, folds, hours
from pipelines.capacity.examples.documents import Documents

_ONE = Configuration("v100x1", "v100", 1, 1)


def parts(documents: Documents, configuration: Configuration) -> tuple[Part, ...]:
    """The second card's own part."""
    return (Part("The second card", (*_step(documents), *_development(documents, configuration))),)


def _step(documents: Documents) -> tuple[Row, ...]:
    wave = documents.stated("one_model_hours.v100")
    how = "a wave takes as long as one model; half of it would need one model on both cards"
    return (documents.row("One of three steps", "h", "pair_step_hours.v100x2", wave, how),)


def _development(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    two, one = cycle_hours(documents, configuration), cycle_hours(documents, _ONE)
    cross = [hours(folds(documents, each).schedule) for each in (_ONE, configuration)]
    shift = documents.stated("waiting_hours_per_day.v100x2") + documents.stated("effective_hours_per_day.v100x2")
    return (
        documents.row(
            "Waiting for a cycle", "h a day", "waiting_hours_per_day.v100x2", two, f"{one:g} h with one card"
        ),
        documents.row(
            "Work beside it", "h a day", "effective_hours_per_day.v100x2", shift - two, f"of a shift of {shift} h"
        ),
        documents.row(
            "Cross-validation saved",
            "%",
            "saved.cross_validation_percent",
            100 * (1 - cross[1] / cross[0]),
            f"{cross[0]:g} h to {cross[1]:g} h; two cards can save half",
        ),
        documents.row("Tuning of the ensemble", "weeks", "ensemble_tuning_weeks.v100x2"),
    )
