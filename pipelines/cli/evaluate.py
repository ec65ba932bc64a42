"""`sluice evaluate`: the champion on new readings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

if TYPE_CHECKING:
    from components.dataset.schema import Dataset
    from components.validate.evaluate import Evaluation


def evaluate(
    dataset: options.DatasetName,
    data: Annotated[str | None, typer.Option(metavar="PATH", help="New readings. Replaces `source`.")] = None,
    store: options.Store = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Score the champion on new readings.

    Example: sluice evaluate walnut_creek.yaml --data november.csv
    """
    with guarded(debug):
        from dataclasses import asdict

        from pipelines.cli.console import quiet_libraries
        from pipelines.cli.source import find_data, find_dataset, find_store, need_data

        found = find_dataset(dataset)
        readings = need_data(dataset, find_data(dataset, found, data))
        with quiet_libraries(debug):
            evaluation = _evaluation(found, readings, find_store(store))
        if as_json:
            typer.echo(json.dumps(asdict(evaluation)))
        else:
            _print(evaluation)


def _evaluation(dataset: Dataset, readings: str, store: Path) -> Evaluation:
    from components.deploy.store import ModelStore
    from components.journal import Journal
    from components.validate.evaluate import EvaluateRequest, evaluate_champion

    return evaluate_champion(EvaluateRequest(dataset, readings, ModelStore(store)), Journal("", "evaluate"))


def _print(evaluation: Evaluation) -> None:
    from pipelines.cli.console import open_console
    from pipelines.run.summary import score_table

    console = open_console()
    console.print(
        f"{evaluation.model} version {evaluation.version} on {evaluation.windows:,} windows, "
        f"{evaluation.first} to {evaluation.last}"
    )
    console.print(score_table({"models": evaluation.models}))
    console.print(f"The {evaluation.coverage_nominal:.0%} band holds {evaluation.coverage:.1%} of the actuals.")
    if evaluation.average_precision is not None:
        console.print(f"Average precision of {evaluation.spikes:,} spike windows: {evaluation.average_precision:.3f}")
