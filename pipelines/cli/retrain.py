"""`sluice retrain`: the champion, trained further on newer readings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded
from pipelines.run.limits import Limits

if TYPE_CHECKING:
    from pipelines.run.job import RunRequest

# A fifth of what training from scratch gets; most members end sooner, when they stop getting better.
MINUTES = 2.0


def retrain(
    dataset: options.DatasetName,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="All readings, old and new: a file, a folder or an SQL URL.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run whose champion goes on.  [runs/NAME]")
    ] = None,
    members: Annotated[
        str | None, typer.Option(metavar="A,B", help="Members to go on with.  [all of the champion]")
    ] = None,
    budget: Annotated[float, typer.Option(metavar="MINUTES", help="Wall-clock minutes of all training.")] = MINUTES,
    replay: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of each batch from readings that the champion knows.")
    ] = 0.5,
    steps: Annotated[int, typer.Option(metavar="N", help="Train each network N steps in place of minutes.")] = 0,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same weights to the last bit, every time. Needs --steps.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of all randomness.")] = 0,
    runner: Annotated[str, typer.Option(metavar="RUNNER", help="subprocess, or docker.")] = "subprocess",
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show everything that the steps print.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Train the champion further on newer readings, replaying old ones.

    Quicker than `sluice run`. Interrupted, the same command goes on where it was.

    Example: sluice retrain walnut_creek.yaml --data all_readings.csv
    """
    with guarded(debug):
        from pipelines.cli.run import follow

        limits = Limits(steps, deterministic)
        request = _request(dataset, data, out, members, replay)
        request = replace(request, budget_minutes=budget, seed=seed, runner=runner, limits=limits)
        code = follow(request, verbose, as_json)
    raise SystemExit(code)


def _request(name: str, data: str | None, out: Path | None, members: str | None, replay: float) -> RunRequest:
    from components.deploy.store import ModelStore
    from components.retrain.step import find_champion
    from components.train.warm_start import Replay
    from pipelines.cli.members import asked_members
    from pipelines.cli.source import find_data, find_dataset, need_data
    from pipelines.run.folder import RunFolder
    from pipelines.run.job import RunRequest

    dataset = find_dataset(name)
    readings = need_data(name, find_data(name, dataset, data))
    folder = RunFolder((out or Path("runs") / dataset.name).resolve())
    store = ModelStore(folder.store)
    champion = store.champion(dataset.name)
    named = () if members is None else asked_members(members, readings)
    taken = find_champion(dataset, store, champion.version if champion else 0, named)
    linear = "linear" in (named or store.model_card(dataset.name, taken.version)["members"])
    return RunRequest(
        dataset=dataset,
        data=readings,
        out=folder.root,
        members=(*taken.members, "linear") if linear else taken.members,
        budget_minutes=MINUTES,
        seed=0,
        replay=Replay(replay).share,
    )
