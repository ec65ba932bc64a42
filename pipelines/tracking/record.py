"""A run as it is told to a tracking server: typed, and kept as JSON until it has been sent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipelines.atomic import write_atomically

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Attributes:
        key: name of the metric.
        value: its value.
        step: training step, per cent of a step's progress, or 0 for a figure that there is once.
        at: seconds since the epoch.
    """

    key: str
    value: float
    step: int
    at: float


@dataclass(frozen=True)
class MemberRecord:
    """What is known of one member's training.

    Attributes:
        name: of the member.
        status: how far it is.
        started_at: seconds since the epoch.
        ended_at: the same; None while it runs.
        params: what it was trained with.
        history: a point per scoring step and figure.
        figures: what came of it.
    """

    name: str
    status: Status
    started_at: float
    ended_at: float | None = None
    params: dict[str, str] = field(default_factory=dict)
    history: tuple[Point, ...] = ()
    figures: tuple[Point, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """What is known of a run.

    Attributes:
        key: of the run in its folder: the same for a run that was resumed.
        model: name of the model, which is the dataset's.
        status: how far it is.
        started_at: seconds since the epoch.
        ended_at: the same; None while it runs.
        params: what the run follows from.
        tags: what came of it, in words.
        points: progress and figures.
        members: one per member whose training has begun.
        store: folder of the model store.
        version: version in the store that this run published; 0 for none.
    """

    key: str
    model: str
    status: Status
    started_at: float
    ended_at: float | None
    params: dict[str, str]
    tags: dict[str, str]
    points: tuple[Point, ...]
    members: tuple[MemberRecord, ...]
    store: str
    version: int = 0

    @property
    def published(self) -> Path | None:
        """Folder of the version that was published, while the store has it."""
        folder = Path(self.store) / self.model / str(self.version)
        return folder if self.version and folder.is_dir() else None

    def killed(self) -> RunRecord:
        """The same, where nothing runs any more that could still say how it ended."""
        if self.status != "RUNNING":
            return self
        members = tuple(_killed(member) for member in self.members)
        return replace(self, status="KILLED", members=members)

    def save(self, path: Path) -> None:
        """Writes it as JSON."""
        write_atomically(path, json.dumps(asdict(self), indent=1))

    @staticmethod
    def load(path: Path) -> RunRecord:
        """Reads what `save` has written."""
        facts = json.loads(path.read_text(encoding="utf-8"))
        members = tuple(_member(member) for member in facts.pop("members"))
        return RunRecord(points=_points(facts.pop("points")), members=members, **facts)


def _killed(member: MemberRecord) -> MemberRecord:
    return replace(member, status="KILLED") if member.status == "RUNNING" else member


def _member(facts: dict[str, Any]) -> MemberRecord:
    return MemberRecord(history=_points(facts.pop("history")), figures=_points(facts.pop("figures")), **facts)


def _points(facts: list[dict[str, Any]]) -> tuple[Point, ...]:
    return tuple(Point(**point) for point in facts)
