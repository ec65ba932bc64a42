"""Cross-validations and weight searches on this machine: pipelines that end in tables and pages, not in a model.

Runner, journal, lock, caches and checkpoints are those of `sluice run`: killed and started again, a study goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.errors import InputError
from pipelines.atomic import copy_atomically, write_atomically
from pipelines.local_run import LocalRun
from pipelines.run.board import Board, Failure
from pipelines.run.child import Child, stop_signals
from pipelines.run.folder import RunFolder, locked
from pipelines.run.screen import Screen
from pipelines.run.watch import Watch

DONE, FAILED, WRONG_INPUT = 0, 1, 2


@dataclass(frozen=True)
class Study:
    """What to run.

    Attributes:
        pipeline: name of the pipeline.
        arguments: its parameters, without `work`.
        steps: its steps as the journal calls them, in the order of the flow.
        out: the run's folder.
        reads: files and folders that its steps read.
        outputs: by output of the pipeline, the file or folder in `out` that it becomes.
        runner: `subprocess` or `docker`.
        at_once: trainings side by side.
    """

    pipeline: str
    arguments: Mapping[str, Any]
    steps: tuple[str, ...]
    out: Path
    reads: tuple[str, ...]
    outputs: Mapping[str, str]
    runner: str
    at_once: int = 0


@dataclass(frozen=True)
class StudyResult:
    """What came of it.

    Attributes:
        code: exit code of the command.
        facts: by output that is JSON, its content.
        failure: what went wrong; None if nothing did, or the study was stopped.
        ran: seconds of the steps that ran in this run, not taken from the cache.
    """

    code: int
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: Failure | None = None
    ran: dict[str, float] = field(default_factory=dict)


def run_study(
    study: Study, make_screen: Callable[[Board], Screen], watch_log: Callable[[RunFolder], Callable[[], None]]
) -> StudyResult:
    """Runs the pipeline and leaves its tables and pages in `study.out`.

    Raises:
        InputError: another run holds the folder.
    """
    folder = RunFolder(study.out.resolve())
    with locked(folder) as lock, stop_signals() as stop:
        folder.rotate()
        board = Board(study.steps)
        screen = make_screen(board)
        try:
            watch = Watch(str(folder.work), board, screen, watch_log(folder))
            asked = _asked(study, folder)
            code = Child(asked, folder.log, lock).follow(watch.look, stop)
            return _end(study, folder, board, code, stopped=stop.asked > 0)
        finally:
            screen.close(board)


def _asked(study: Study, folder: RunFolder) -> Path:
    result = folder.work / "result.json"
    result.unlink(missing_ok=True)
    reads = [str(Path(path).resolve().parent) for path in study.reads if "://" not in path]
    request = LocalRun(
        pipeline=study.pipeline,
        arguments={**study.arguments, "work": str(folder.work)},
        runner=study.runner,
        pipeline_root=str(folder.pipeline_root),
        cache_root=str(folder.cache),
        mounts=(str(folder.root), *reads),
        result=str(result),
        at_once=study.at_once,
    )
    path = folder.work / "request.json"
    request.save(path)
    return path


def _end(study: Study, folder: RunFolder, board: Board, code: int, stopped: bool) -> StudyResult:
    ran = {name: float(step["seconds"]) for name, step in board.ran().items()}
    if code != 0:
        board.close(succeeded=False, passed=False)
        return _unfinished(board, code, ran, stopped)
    try:
        facts = _publish(study, folder)
    except (OSError, ValueError, KeyError) as error:
        board.close(succeeded=False, passed=False)
        problem = f"the pipeline ended without all of its outputs ({error})"
        return StudyResult(FAILED, failure=Failure(step="", problem=problem), ran=ran)
    board.close(succeeded=True, passed=True)
    return StudyResult(DONE, facts, ran=ran)


def _unfinished(board: Board, code: int, ran: dict[str, float], stopped: bool) -> StudyResult:
    failure = board.failure
    if failure and failure.input_error:
        return StudyResult(WRONG_INPUT, failure=failure, ran=ran)
    if stopped:
        return StudyResult(FAILED, ran=ran)
    broken = [step.name for step in board.steps.values() if step.state == "stopped"]
    if failure is None and broken:
        failure = Failure(step=broken[0], problem="ended without a word; it may have run out of memory")
    return StudyResult(FAILED, failure=failure or Failure("", f"the pipeline ended with status {code}"), ran=ran)


def _publish(study: Study, folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Copies the outputs to where they belong; the content of those that are JSON."""
    made = json.loads((folder.work / "result.json").read_text())
    facts = {}
    for name, target in study.outputs.items():
        source = Path(made[name])
        if source.is_dir():
            for file in sorted(source.iterdir()):
                copy_atomically(file, folder.root / target / file.name)
        else:
            copy_atomically(source, folder.root / target)
        if target.endswith(".json"):
            facts[name] = json.loads(source.read_text())
    return facts


def remember(folder: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Keeps in a run's folder what was asked of it."""
    write_atomically(folder / name, json.dumps(facts, indent=1))


def recall(folder: Path, name: str, made_by: str) -> dict[str, Any]:
    """What `remember` kept.

    Raises:
        InputError: it isn't there.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / name).read_text())
    except (OSError, json.JSONDecodeError):
        raise InputError(str(folder), f"holds no {name}", f"make it with `{made_by}`") from None
    return facts
