"""Where each step of a run stands, as told by the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["waiting", "running", "done", "cached", "failed", "stopped", "skipped"]


@dataclass
class StepState:
    """One step: its state, how far it is, and what it found."""

    name: str
    state: State = "waiting"
    started_at: float = 0.0
    ended_at: float = 0.0
    done: float = 0.0
    total: float = 0.0
    text: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    def seconds(self, now: float) -> float:
        """Seconds that it took, or has taken so far."""
        if not self.started_at:
            return 0.0
        return (self.ended_at or now) - self.started_at


@dataclass(frozen=True)
class Failure:
    """Why a step failed; `where` and `fix` are there if a person can mend it."""

    step: str
    problem: str
    input_error: bool = False
    where: str = ""
    fix: str = ""


def step_names(members: Sequence[str], simulated: bool) -> tuple[str, ...]:
    """The steps of the main job as the journal calls them, in the order of the flow."""
    first = ("simulate",) if simulated else ()
    return (
        *first,
        "ingest",
        "preprocess",
        *(f"train {member}" for member in members),
        "ensemble",
        "serving check",
        "validate",
        "deploy",
    )


class Board:
    """The steps of a run and the first failure."""

    def __init__(self, names: Sequence[str]) -> None:
        self.steps = {name: StepState(name) for name in names}
        self.failure: Failure | None = None

    def apply(self, event: Mapping[str, Any]) -> None:
        """Takes in one event of the journal."""
        step = self.steps.setdefault(event["step"], StepState(event["step"]))
        match event["event"]:
            case "started":
                self._start(step, event["at"])
            case "progress":
                step.done, step.total, step.text = event["done"], event["total"], event["text"]
            case "finished":
                step.state, step.ended_at, step.figures = "done", event["at"], event["figures"]
            case "failed":
                self._fail(step, event)

    def close(self, succeeded: bool, passed: bool) -> None:
        """The run is over: what never spoke was taken from the cache, or did not come to its turn."""
        for step in self.steps.values():
            if step.state == "waiting" and succeeded:
                step.state = "cached" if passed or step.name != "deploy" else "skipped"
            elif step.state == "running":
                step.state = "stopped"

    def ran(self) -> dict[str, dict[str, Any]]:
        """Seconds and figures of the steps that ran to their end in this run."""
        return {
            step.name: {"seconds": round(step.seconds(step.ended_at), 3), "figures": step.figures}
            for step in self.steps.values()
            if step.state == "done"
        }

    def _start(self, step: StepState, at: float) -> None:
        step.state, step.started_at, step.ended_at = "running", at, 0.0
        step.done, step.total, step.text = 0.0, 0.0, ""
        training = step.name.startswith("train ")
        for earlier in self._before(step.name):
            # Trainings run side by side: a waiting one before this one may just be starting.
            if earlier.state == "waiting" and not (training and earlier.name.startswith("train ")):
                earlier.state = "cached"

    def _fail(self, step: StepState, event: Mapping[str, Any]) -> None:
        step.state, step.ended_at = "failed", event["at"]
        if self.failure is None:
            self.failure = Failure(
                step=step.name,
                problem=event["problem"],
                input_error=event["input_error"],
                where=event.get("where", ""),
                fix=event.get("fix", ""),
            )

    def _before(self, name: str) -> list[StepState]:
        names = list(self.steps)
        return [self.steps[earlier] for earlier in names[: names.index(name)]]
