"""`sluice predict`: the forecast after a file's last readings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import access, options
from pipelines.cli.guard import guarded

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from serving.forecasts import SeriesForecast
    from serving.predict import Prediction


def predict(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Readings; the last window of each series is used.")],
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Server to ask: http://... or grpc://...  [load the champion]")
    ] = None,
    protocol: Annotated[str | None, typer.Option(metavar="NAME", help="v1, v2, v2-grpc or tfserving.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Model.  [the only one]")] = None,
    store: options.Store = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Dataset file, where there is no store here.")
    ] = None,
    key_file: access.KeyFile = None,
    ca: access.Authority = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Forecast from the last window of a file.

    Example: sluice predict readings.csv --url http://localhost:8080
    """
    with guarded(debug):
        from pipelines.cli.console import open_console, quiet_libraries
        from pipelines.cli.source import find_store
        from serving.predict import PredictRequest
        from serving.predict import predict as ask

        found = store if store is not None or (dataset is not None and url is not None) else find_store(None)
        key = access.find_key(key_file)
        with quiet_libraries(debug):
            prediction = ask(PredictRequest(file, url, protocol, model, found, dataset, key=key, ca=ca))
        if as_json:
            typer.echo(json.dumps(prediction.as_dict()))
        else:
            print_prediction(open_console(), prediction)


def print_prediction(console: Console, prediction: Prediction) -> None:
    """Prints the forecast of each series with its band, and which series have none."""
    version = "" if prediction.version is None else f" version {prediction.version}"
    console.print(f"{prediction.target} in {prediction.unit or 'its own unit'}, by {prediction.model}{version}")
    for forecast in prediction.forecasts:
        console.print(
            f"{forecast.series}: {forecast.last_value:.4g} at {forecast.origin}; "
            f"probability of a spike {forecast.spike_probability:.1%}"
        )
        console.print(_table(forecast, prediction.band))
    for reason in prediction.refused:
        console.print(f"no forecast for {reason}")


def _table(forecast: SeriesForecast, band: float) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("steps", justify="right")
    table.add_column("time")
    table.add_column("forecast", justify="right")
    table.add_column(f"{band:.0%} band", justify="right")
    for row in forecast.rows:
        table.add_row(str(row.horizon), row.time, f"{row.forecast:.4g}", f"{row.lower:.4g} to {row.upper:.4g}")
    return table
