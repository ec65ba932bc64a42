"""What a deadline leaves for training one member: its share of the time until the steps after training must begin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.journal import FILE_NAME

# Steps that follow training; the smoke test asks a server that runs anyway, after the model is published.
STEPS_AFTER = ("ensemble", "serving check", "validate", "deploy")
# A machine may be busier than it was the last time.
MARGIN = 1.3
# A step's process starts, and imports what it needs.
START_SECONDS = 5.0
# Measured on one CPU core: 37 s for a servable of three members and 13,000 windows; six members take longer.
FIXED_SECONDS = 40.0
SECONDS_PER_WINDOW = 0.001


@dataclass(frozen=True)
class Timetable:
    """When which member is trained, if each takes what it was given.

    Attributes:
        members: names and seconds, in the order in which free workers take them.
        at_once: workers.
    """

    members: tuple[tuple[str, float], ...]
    at_once: int

    def from_start_of(self, member: str) -> float:
        """Planned seconds from a member's start to the end of all training, its own included; 0 if it isn't there."""
        free = [0.0] * max(1, min(self.at_once, len(self.members)))
        starts: dict[str, float] = {}
        for name, seconds in self.members:
            worker = free.index(min(free))
            starts[name] = free[worker]
            free[worker] += seconds
        return max(free) - starts[member] if member in starts else 0.0


def seconds_in_window(budget_seconds: float, member: str, timetable: Timetable, left_seconds: float) -> float:
    """Seconds for a member when so many are left for it and all that follow; never more than its budget.

    A member that comes late finds less left and takes its share of that, so those after it get theirs as well.
    """
    planned = max(timetable.from_start_of(member), budget_seconds, 1e-9)
    return budget_seconds * min(1.0, max(0.0, left_seconds) / planned)


def seconds_after_training(work: Path | None, windows: int) -> float:
    """How long the steps after training take: what they took the last time in this work folder, else an estimate.

    Args:
        work: folder of the journal, None for none.
        windows: windows of validation and test part.
    """
    known = {} if work is None else _step_seconds(work)
    if known.keys() >= {"ensemble", "validate"}:
        return MARGIN * sum(known.values()) + START_SECONDS * len(STEPS_AFTER)
    return MARGIN * (FIXED_SECONDS + SECONDS_PER_WINDOW * windows) + START_SECONDS * len(STEPS_AFTER)


def _step_seconds(work: Path) -> Mapping[str, float]:
    """Seconds of the latest whole run of each step after training, by the journals in the folder."""
    journals = sorted(work.glob(f"{Path(FILE_NAME).stem}*.jsonl"), key=lambda path: path.stat().st_mtime)
    seconds: dict[str, float] = {}
    for path in journals:
        began: dict[str, float] = {}
        for event in _events(path):
            step = str(event.get("step"))
            if step not in STEPS_AFTER:
                continue
            if event.get("event") == "started":
                began[step] = float(str(event["at"]))
            elif event.get("event") == "finished" and step in began:
                seconds[step] = float(str(event["at"])) - began[step]
    return seconds


def _events(path: Path) -> Sequence[Mapping[str, object]]:
    events = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return [event for event in events if isinstance(event, dict)]
