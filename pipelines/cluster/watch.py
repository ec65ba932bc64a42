"""Follows a run on a cluster until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from components.errors import InputError
from pipelines.cluster.kfp_server import KfpServer, asked, connect

Outcome = Literal["succeeded", "refused", "failed", "canceled"]
# CANCELED is missing in kfp's own wait, which never ends then.
_ENDS: dict[str, Outcome] = {
    "SUCCEEDED": "succeeded",
    "SKIPPED": "succeeded",
    "FAILED": "failed",
    "CANCELED": "canceled",
}
# Questions in a row that may fail before it is given up: the way to a cluster breaks now and then.
_PATIENCE = 10
# The condition of the graph that holds the deploy step.
_GATE = "passed"


@dataclass(frozen=True)
class Progress:
    """What is known of a run.

    Attributes:
        state: as KFP says it.
        tasks: state of each step that has one, by name.
        error: what the server says went wrong.
    """

    state: str
    tasks: dict[str, str]
    error: str = ""


@dataclass(frozen=True)
class Pace:
    """How a run is watched.

    Attributes:
        every_seconds: between two looks.
        sleep: waits so many seconds.
    """

    every_seconds: float = 5.0
    sleep: Callable[[float], None] = time.sleep


def watch_run(server: KfpServer, run_id: str, tell: Callable[[Progress], None], pace: Pace) -> Outcome:
    """Waits for the end of a run, and tells its progress after each look.

    Raises:
        InputError: the server doesn't answer any more, or knows no such run.
    """
    client = connect(server)
    failures = 0
    while True:
        try:
            with asked(server, f"run {run_id}"):
                progress = _progress(client.get_run(run_id))
        except InputError:
            failures += 1
            if failures >= _PATIENCE:
                raise
            pace.sleep(pace.every_seconds)
            continue
        failures = 0
        tell(progress)
        if progress.state in _ENDS:
            return _outcome(progress)
        pace.sleep(pace.every_seconds)


def _outcome(progress: Progress) -> Outcome:
    outcome = _ENDS[progress.state]
    refused = outcome == "succeeded" and progress.tasks.get(_GATE) == "SKIPPED"
    return "refused" if refused else outcome


def _progress(run: Any) -> Progress:
    details = (run.run_details.task_details if run.run_details else None) or []
    tasks = {str(task.display_name): str(task.state) for task in details if task.display_name and task.state}
    return Progress(str(run.state or "PENDING"), tasks, str(run.error.message or "") if run.error else "")
