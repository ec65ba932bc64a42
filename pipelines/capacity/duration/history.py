"""How many passes over the rows a member needs: from earlier runs, or as somebody states it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import InputError
from pipelines.capacity.ranges import Range

# As components.train.step writes it; not imported, since that module imports what trains.
MEMBER_FILE = "member.json"


@dataclass(frozen=True)
class PastTraining:
    """A training of one member that is done.

    Attributes:
        member: its name.
        mode: how it was trained: `chunks`, `windows` or `segments`.
        device: where.
        batch: windows or chunks of a step.
        steps: of all of it.
        best_step: after which the validation error never was lower.
        ended_by_patience: whether it ended since nothing got better, else by its budget.
        windows_per_second: windows trained on per second of training steps.
        source: its file.
    """

    member: str
    mode: str
    device: str
    batch: int
    steps: int
    best_step: int
    ended_by_patience: bool
    windows_per_second: float
    source: Path

    def windows_to_best(self, window: int) -> int:
        """Windows trained on until the validation error was lowest; a chunk holds as many as a window has rows."""
        return self.best_step * self.batch * (window if self.mode == "chunks" else 1)


@dataclass(frozen=True)
class Epochs:
    """Passes over the rows.

    Attributes:
        passes: from the least to the most.
        basis: who says so.
    """

    passes: Range
    basis: str


def past_trainings(folder: Path) -> tuple[PastTraining, ...]:
    """Every training under a folder of runs, by the path of its file; those of the linear member have no steps.

    Files of versions that didn't write their recipe yet, and damaged ones, are left out.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"--history {folder}", "is no folder", "give the folder of earlier runs, such as runs/")
    found = (_training(path) for path in sorted(folder.rglob(MEMBER_FILE)))
    return tuple(each for each in found if each is not None)


def epochs_to_best(trainings: Iterable[PastTraining], member: str, rows: int, window: int) -> Epochs:
    """Passes until a member's validation error was lowest in earlier runs, on a table of so many rows.

    What is learnt is counted in windows, so a longer table needs fewer passes.

    Args:
        trainings: of any members.
        member: its name.
        rows: rows of the table at which windows end.
        window: rows of a window in the earlier runs.

    Raises:
        InputError: there is no earlier training of the member.
    """
    own = [each for each in trainings if each.member == member and each.best_step > 0]
    if not own:
        raise InputError(
            f"member {member}", "no earlier training of it was found", "state its epochs, or train it once"
        )
    passes = Range.of(each.windows_to_best(window) / rows for each in own)
    cut = sum(not each.ended_by_patience for each in own)
    basis = f"lowest validation error of {len(own)} earlier training{'s' if len(own) > 1 else ''}"
    if not cut:
        return Epochs(passes, basis)
    return Epochs(passes, f"{basis}, {cut} of which ended by the clock and may have gone on getting better")


def stated_epochs(passes: float, source: str) -> Epochs:
    """Passes that somebody states.

    Raises:
        InputError: there are none.
    """
    if not passes > 0:
        raise InputError("epochs", f"{passes:g} passes train nothing", "give a number above 0")
    return Epochs(Range.exactly(passes), f"stated by {source}")


def _training(path: Path) -> PastTraining | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return _of(facts, path) if facts["history"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _of(facts: Mapping[str, Any], path: Path) -> PastTraining:
    recipe: Mapping[str, Any] = facts["recipe"]
    history: Sequence[Mapping[str, float]] = facts["history"]
    mode = str(facts["mode"])
    losses = [line["validation_loss"] for line in history]
    best = losses.index(min(losses))
    return PastTraining(
        member=str(facts["name"]),
        mode=mode,
        device=str(facts["device"]),
        batch=int(recipe["chunks" if mode == "chunks" else "windows"]),
        steps=int(facts["steps"]),
        best_step=int(history[best]["step"]),
        ended_by_patience=len(losses) - 1 - best >= int(recipe["patience"]),
        windows_per_second=float(facts["targets_per_second"]),
        source=path,
    )
