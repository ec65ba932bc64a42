"""`sluice models`: what is in a store, which version is champion, which is on trial, and how many are kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded
from pipelines.cli.track import follow_pointers

if TYPE_CHECKING:
    from components.deploy.pointers import Champion
    from components.deploy.store import ModelStore

app = typer.Typer(
    help="List, show, promote, roll back, stage and prune the versions in a model store.", no_args_is_help=True
)

TrackTo = Annotated[
    str, typer.Option("--track-to", metavar="URL", help="MLflow whose aliases follow.  [where the run is tracked]")
]
ModelName = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Not needed where the store has one model.")]


@app.command("list")
def list_models(store: options.Store = None, as_json: options.Json = False, debug: options.Debug = False) -> None:
    """List models and versions: which is champion, which is on trial, and which is damaged; reads every file.

    Example: sluice models list --store runs/reservoir/store
    """
    with guarded(debug):
        opened = _open(store)
        rows = [row for model in opened.models() for row in _rows(opened, model)]
        if as_json:
            typer.echo(json.dumps(rows))
            return
        for row in rows:
            rmse = "" if row["validation_rmse"] is None else f"validation RMSE {row['validation_rmse']:.4g}"
            created = row["created"] or ""
            typer.echo(f"{row['model']}  {row['version']:>4}  {created:<20}  {rmse:<25} {_mark(row)}".rstrip())


@app.command("show")
def show(
    model: ModelName = None,
    version: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="The champion if not given.")] = None,
    store: options.Store = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show the model card of a version.

    Example: sluice models show reservoir 3 --json
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        number = version if version is not None else _champion(opened, name).version
        opened.verify(name, number)
        card = opened.model_card(name, number)
        if as_json:
            typer.echo(json.dumps({"version": number, **card}))
            return
        typer.echo(f"{name} version {number}, {opened.path(name, number)}")
        for key in (
            "created",
            "code_version",
            "data_digest",
            "window",
            "horizons",
            "members",
            "parameters",
            "ensemble",
        ):
            if key in card:
                typer.echo(f"  {key.replace('_', ' '):<13} {_short(card[key])}")


@app.command("promote")
def promote(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    version: Annotated[int, typer.Argument(metavar="VERSION")],
    store: options.Store = None,
    track_to: TrackTo = "",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make a version champion; running servers swap it in.

    Example: sluice models promote reservoir 2
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        _tell(name, opened.promote(name, version), as_json)
        follow_pointers(opened, name, track_to)


@app.command("rollback")
def rollback(
    model: ModelName = None,
    store: options.Store = None,
    track_to: TrackTo = "",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make the previous champion champion again.

    Example: sluice models rollback reservoir
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        _tell(name, opened.rollback(name), as_json)
        follow_pointers(opened, name, track_to)


@app.command("stage")
def stage(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    version: Annotated[int, typer.Argument(metavar="VERSION")],
    store: options.Store = None,
    track_to: TrackTo = "",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Put a version on trial: running servers load it beside the champion, and answer from it when asked for it.

    Ask it by its number, or by the label `candidate`.

    Example: sluice models stage reservoir 3
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        candidate = opened.stage(name, version)
        facts = {"model": name, "candidate": candidate.version, "at": candidate.at}
        typer.echo(json.dumps(facts) if as_json else f"{name} version {candidate.version} is on trial")
        follow_pointers(opened, name, track_to)


@app.command("unstage")
def unstage(
    model: ModelName = None,
    store: options.Store = None,
    track_to: TrackTo = "",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """End the trial of a candidate; it stays in the store.

    Example: sluice models unstage reservoir
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        opened.unstage(name)
        typer.echo(json.dumps({"model": name, "candidate": None}) if as_json else f"{name} has no version on trial")
        follow_pointers(opened, name, track_to)


@app.command("prune")
def prune(
    model: ModelName = None,
    keep: Annotated[int, typer.Option("--keep", metavar="N", help="How many of the newest versions stay.")] = 5,
    store: options.Store = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Remove old versions; the champion, the one before it and the one on trial always stay.

    Example: sluice models prune reservoir --keep 5
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        removed, kept = opened.prune(name, keep), opened.versions(name)
        if as_json:
            typer.echo(json.dumps({"model": name, "removed": removed, "kept": kept}))
            return
        gone = ", ".join(map(str, removed)) or "none"
        typer.echo(f"{name}: versions removed: {gone}; kept: {', '.join(map(str, kept))}")


def _open(store: Any) -> ModelStore:
    from components.deploy.store import ModelStore
    from pipelines.cli.source import find_store

    return ModelStore(find_store(store))


def _open_model(store: Any, model: str | None) -> tuple[ModelStore, str]:
    from pipelines.cli.source import find_model

    opened = _open(store)
    return opened, find_model(opened.root, model)


def _champion(store: ModelStore, model: str) -> Champion:
    from components.errors import InputError

    champion = store.champion(model)
    if champion is None:
        raise InputError(str(store.root), f"{model} has no champion", f"`sluice models promote {model} VERSION`")
    return champion


def _rows(store: ModelStore, model: str) -> list[dict[str, Any]]:
    champion, candidate = _named(store, model)
    damaged = store.damaged(model)
    numbers = sorted({*store.versions(model), *damaged})
    return [
        {
            "model": model,
            "version": version,
            "champion": version == champion,
            "candidate": version == candidate,
            "damage": damaged.get(version, ""),
            **_card_facts(store, model, version),
            "path": str(store.root / model / str(version)),
        }
        for version in numbers
    ]


def _named(store: ModelStore, model: str) -> tuple[int | None, int | None]:
    """Champion and candidate; a file that can't be read is told on stderr and names none."""
    from components.errors import InputError
    from pipelines.cli.guard import tell

    champion = candidate = None
    try:
        found = store.champion(model)
        champion = found.version if found else None
        candidate = store.candidate(model)
    except InputError as error:
        tell(str(error))
    return champion, candidate


def _card_facts(store: ModelStore, model: str, version: int) -> dict[str, Any]:
    from components.errors import InputError

    try:
        card = store.model_card(model, version)
    except (OSError, ValueError, InputError):
        card = {}  # a damaged version may lack it
    return {
        "created": card.get("created"),
        "validation_rmse": card.get("metrics", {}).get("validation", {}).get("rmse"),
    }


def _mark(row: dict[str, Any]) -> str:
    names = [name for name in ("champion", "candidate") if row[name]]
    return ", ".join([*names, f"DAMAGED ({row['damage']})"] if row["damage"] else names)


def _tell(model: str, champion: Champion, as_json: bool) -> None:
    facts = {"model": model, "version": champion.version, "previous": champion.previous, "at": champion.at}
    if as_json:
        typer.echo(json.dumps(facts))
        return
    before = f" (before: version {champion.previous})" if champion.previous else ""
    typer.echo(f"{model} version {champion.version} is champion{before}")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
