"""Passes over the rows from a folder of earlier runs, for each member that was trained there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipelines.capacity.duration.history import epochs_to_best, past_trainings
from pipelines.capacity.plan.request import Trained


def with_history(trained: Trained, folder: Path) -> Trained:
    """The same, each member with the passes of its earlier trainings; the others keep theirs, and it is said of them.

    Raises:
        InputError: there is no such folder.
    """
    past = past_trainings(folder)
    known = {each.member for each in past if each.best_step > 0}
    learnt = tuple(
        (name, epochs_to_best(past, name, trained.windows, trained.setting.window))
        for name in trained.members
        if name in known
    )
    source = trained.passes_source
    if len(learnt) < len(trained.names):
        source = f"{source}; no earlier training in {folder}"
    return replace(trained, learnt=learnt, passes_source=source)
