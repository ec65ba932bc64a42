"""`sluice run`: the main job."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded
from pipelines.cli.invocation import command, same_command
from pipelines.cli.track import tell_tracking
from pipelines.run.limits import MINUTES_OF_A_DAY, Limits, next_time_of_day

if TYPE_CHECKING:
    from pipelines.run.job import RunRequest

# 31 days of minutes: eight storms, two of them in the test part.
SIMULATED_ROWS = 45_000
SIMULATED_PRESET = "reservoir"
MINUTES = 10.0


def run(
    dataset: options.DatasetName,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Readings: a file, a folder or an SQL URL. Replaces `source`.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results.  [runs/NAME]")] = None,
    members: Annotated[
        str | None, typer.Option(metavar="A,B", help="Members to train.  [all; patchtst from a million rows]")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="Wall-clock minutes of all training.  [10, or all until --deadline]"),
    ] = None,
    deadline: Annotated[
        str, typer.Option(metavar="HH:MM", help="Be done by then, with the best model so far: the next such time.")
    ] = "",
    steps: Annotated[int, typer.Option(metavar="N", help="Train each network N steps in place of minutes.")] = 0,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same weights to the last bit, every time. Needs --steps.")
    ] = False,
    memory: Annotated[
        float, typer.Option(metavar="GB", help="Memory that one training may take.  [half of what is free]")
    ] = 0.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of all randomness.")] = 0,
    runner: Annotated[str, typer.Option(metavar="RUNNER", help="subprocess, or docker.")] = "subprocess",
    profile: Annotated[
        str,
        typer.Option(metavar="PROFILE", help="Run the graph as compiled for a cluster; what only that can do is told."),
    ] = "",
    track: Annotated[
        bool, typer.Option("--track", help="Tell MLflow of it: $MLFLOW_TRACKING_URI, or mlflow.db.")
    ] = False,
    track_to: Annotated[str, typer.Option(metavar="URL", help="Tell the MLflow server at this address.")] = "",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files into DIR/tensorboard.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show everything that the steps print.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Train, judge and publish a model from readings.

    Interrupted, the same command goes on where it was.

    Example: sluice run walnut_creek.yaml --data readings.csv --budget 5
    """
    with guarded(debug):
        minutes = MINUTES if budget is None else budget
        request = replace(_request(dataset, data, out, members, minutes, seed, runner), profile=profile)
        limits = Limits(steps, deterministic, memory_mb=round(memory * 1000))
        request = _limited(request, limits, deadline, budget)
        if track or track_to:
            request = replace(request, track=_tracking(track_to, request.out))
        code = follow(request, verbose, as_json)
        tell_tracking(request, tensorboard)
    raise SystemExit(code)


def follow(request: RunRequest, verbose: bool, as_json: bool) -> int:
    """Runs the job before the user's eyes; the exit code."""
    from pipelines.cli.console import open_console
    from pipelines.run.child import tail
    from pipelines.run.job import EXIT_CODES, run_job
    from pipelines.run.screen import choose_screen
    from pipelines.run.summary import NextCommands, result_facts, tell_result

    # A script reads stdout: there is nothing but the object.
    console = open_console(stderr=as_json)

    for told in (_ignored(request), request.limits.told(request.dataset)):
        if told:
            console.print(told, highlight=False)

    def show(text: str) -> None:
        if verbose:
            console.out(text, end="", highlight=False)

    result = run_job(
        request,
        lambda board: choose_screen(console, board, lines=verbose),
        lambda folder: tail(folder.log, show),
    )
    if as_json:
        sys.stdout.write(json.dumps(result_facts(request, result)) + "\n")
    serve = command(["serve", "--store", str(request.out / "store")])
    tell_result(console, request, result, NextCommands(again=same_command(), serve=serve))
    return EXIT_CODES[result.outcome]


def _limited(request: RunRequest, limits: Limits, deadline: str, budget: float | None) -> RunRequest:
    """The request with its limits; with a deadline and no budget, training gets all the time until then."""
    if not deadline:
        return replace(request, limits=limits)
    at = next_time_of_day(deadline, request.dataset, datetime.now(UTC))
    minutes = MINUTES_OF_A_DAY if budget is None else budget
    return replace(request, limits=replace(limits, deadline=at), budget_minutes=minutes)


def _tracking(address: str, out: Path) -> str:
    from pipelines.tracking.address import tracking_address

    return tracking_address(address, out)


def _ignored(request: RunRequest) -> str:
    """One line on the settings of the graph that this run ignores; without a profile it has none."""
    if not request.profile:
        return ""
    from pipelines.compile import compiled_documents, pipeline_function
    from pipelines.platform.parity import asked_of_platforms, ignored_line
    from pipelines.platform.platform import on_cluster
    from pipelines.platform.profile import load_profile

    platform = on_cluster(load_profile(request.profile), request.members)
    asked = asked_of_platforms(compiled_documents(pipeline_function("training", platform)))
    return ignored_line(asked, "docker" if request.runner == "docker" else "subprocess")


def preset_request(out: Path, budget: float) -> RunRequest:
    """The main job on simulated readings, with everything at its default."""
    return _request(SIMULATED_PRESET, None, out, None, budget, 0, "subprocess")


def _request(
    name: str, data: str | None, out: Path | None, members: str | None, budget: float, seed: int, runner: str
) -> RunRequest:
    from pipelines.cli.members import asked_members
    from pipelines.cli.source import find_data, find_dataset, need_data
    from pipelines.run.job import RunRequest

    dataset = find_dataset(name)
    found = find_data(name, dataset, data)
    simulated = found is None and name == SIMULATED_PRESET
    return RunRequest(
        dataset=dataset,
        data=found if simulated else need_data(name, found),
        out=out or Path("runs") / dataset.name,
        members=asked_members(members, found),
        budget_minutes=budget,
        seed=seed,
        runner=runner,
        simulate=_simulation(name, seed) if simulated else None,
    )


def _simulation(preset: str, seed: int) -> Callable[[Path, Path], None]:
    from pipelines.run.simulated import simulated_readings

    return simulated_readings(preset, SIMULATED_ROWS, seed)
