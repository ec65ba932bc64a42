"""`sluice models`: what is in a store, and which version is champion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

if TYPE_CHECKING:
    from components.deploy.store import Champion, ModelStore

app = typer.Typer(help="List, show, promote and roll back the versions in a model store.", no_args_is_help=True)

ModelName = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Not needed where the store has one model.")]


@app.command("list")
def list_models(store: options.Store = None, as_json: options.Json = False, debug: options.Debug = False) -> None:
    """List models, versions and champions.

    Example: sluice models list --store runs/reservoir/store
    """
    with guarded(debug):
        opened = _open(store)
        rows = [_facts(opened, model, version) for model in opened.models() for version in opened.versions(model)]
        if as_json:
            typer.echo(json.dumps(rows))
            return
        for row in rows:
            mark = "champion" if row["champion"] else ""
            rmse = "" if row["validation_rmse"] is None else f"validation RMSE {row['validation_rmse']:.4g}"
            typer.echo(f"{row['model']}  {row['version']:>4}  {row['created']}  {rmse:<25} {mark}".rstrip())


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
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make a version champion; running servers swap it in.

    Example: sluice models promote reservoir 2
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        _tell(name, opened.promote(name, version), as_json)


@app.command("rollback")
def rollback(
    model: ModelName = None,
    store: options.Store = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Make the previous champion champion again.

    Example: sluice models rollback reservoir
    """
    with guarded(debug):
        opened, name = _open_model(store, model)
        _tell(name, opened.rollback(name), as_json)


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


def _facts(store: ModelStore, model: str, version: int) -> dict[str, Any]:
    card = store.model_card(model, version)
    champion = store.champion(model)
    return {
        "model": model,
        "version": version,
        "champion": bool(champion and champion.version == version),
        "created": card.get("created"),
        "validation_rmse": card.get("metrics", {}).get("validation", {}).get("rmse"),
        "path": str(store.path(model, version)),
    }


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
