"""`sluice track`: sends what a tracking server has missed, or a run that was never tracked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import CommandError, guarded

if TYPE_CHECKING:
    from components.deploy.store import ModelStore
    from pipelines.run.folder import RunFolder
    from pipelines.run.job import RunRequest


def track(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, as runs/NAME.")],
    to: Annotated[str, typer.Option("--to", metavar="URL", help="Tracking server.  [where it was meant for]")] = "",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files into RUN/tensorboard.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Send a run to MLflow: what was missed while it ran, or all of it. Sent again, it is not there twice.

    Example: sluice track runs/reservoir --to http://mlflow.example:5000
    """
    with guarded(debug):
        folder = _folder(run)
        facts = _send(folder, to)
        if tensorboard:
            facts["tensorboard"] = _event_files(folder.root)
        typer.echo(json.dumps(facts) if as_json else "\n".join(_lines(facts)))


def _folder(run: Path) -> RunFolder:
    from pipelines.run.folder import RunFolder

    return RunFolder(run.resolve())


def _send(folder: RunFolder, to: str) -> dict[str, object]:
    from pipelines.tracking.address import tracking_address, without_password
    from pipelines.tracking.deliver import deliver, kept_address, put_run
    from pipelines.tracking.outbox import Outbox

    outbox = Outbox.of(folder.root)
    address = tracking_address(to or kept_address(outbox), folder.root)
    put_run(folder, address)
    waiting = len(outbox.pending())
    if missed := deliver(outbox, address):
        problem = next((entry.problem for entry in missed if entry.problem), "")
        raise CommandError(f"{len(missed)} of {waiting} not sent to {without_password(address)}: {problem}")
    return {"run": str(folder.root), "sent": waiting, "to": without_password(address)}


def _event_files(out: Path) -> str:
    from pipelines.tracking.event_files import FOLDER, ask_for_event_files

    if not ask_for_event_files(out):
        raise CommandError(f"TensorFlow could not write event files into {out / FOLDER}")
    return str(out / FOLDER)


def _lines(facts: dict[str, object]) -> list[str]:
    lines = [f"tracked in {facts['to']}"]
    if "tensorboard" in facts:
        lines.append(f"event files in {facts['tensorboard']}")
    return lines


def tell_tracking(request: RunRequest, tensorboard: bool) -> None:
    """Says on stderr whether a run was tracked, and writes its event files where they are asked for.

    Neither changes how the run ended.
    """
    from pipelines.tracking.event_files import FOLDER, ask_for_event_files
    from pipelines.tracking.recorded import tracking_line

    lines = [tracking_line(request.out)] if request.track else []
    if tensorboard:
        written = ask_for_event_files(request.out)
        lines.append("event files in " if written else "warning: TensorFlow could not write event files into ")
        lines[-1] += str(request.out / FOLDER)
    for line in filter(None, lines):
        sys.stderr.write(f"{line}\n")


def follow_pointers(store: ModelStore, model: str, to: str) -> None:
    """Moves the registry's aliases after the store's pointers, where a registry is in effect.

    That is: one given, one in MLFLOW_TRACKING_URI, or the one to which the store's run was sent. The pointers are
    the truth: a registry that can't be reached now gets them with the next run, or by `sluice track`.
    """
    from components.errors import InputError
    from pipelines.tracking.aliases import move_aliases

    try:
        told = move_aliases(store, model, to)
    except InputError as error:
        told = (f"{error.where}: {error.problem}",)
    for line in told:
        sys.stderr.write(f"warning: {line}; the store is changed all the same\n")
