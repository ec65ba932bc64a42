"""An answer with what to change, what nobody asked, and where the documents contradict one another."""

from __future__ import annotations

from dataclasses import replace

from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.changes import changes
from pipelines.capacity.plan.planning import Knowledge
from pipelines.capacity.plan.remarks import contradictions, remarks


def advised(answer: Answer, known: Knowledge) -> Answer:
    """The same answer with advice."""
    return replace(
        answer,
        changes=changes(answer, known),
        remarks=remarks(answer, known),
        contradictions=contradictions(answer, known.catalogue),
    )
