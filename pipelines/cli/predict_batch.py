"""`sluice predict-batch`: the newest window of every series, to Parquet or a database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import access, options
from pipelines.cli.guard import WRONG_INPUT, guarded

if TYPE_CHECKING:
    from rich.console import Console

    from serving.batch.predict import Progress
    from serving.batch.request import BatchSummary

# Seconds between two lines about progress, where there is no terminal.
_LINE_EVERY = 10.0
# Series without a forecast that are listed; --json lists all.
_LISTED = 10


def predict_batch(
    out: Annotated[
        str, typer.Option(metavar="FILE|FOLDER|URL", help="Where rows go: a .parquet file, a folder, an SQL URL.")
    ],
    readings: Annotated[
        str,
        typer.Argument(
            metavar="[READINGS]", help="A file, a folder, an SQL URL.  [the file or folder `readings` beside the store]"
        ),
    ] = "",
    query: Annotated[str, typer.Option(metavar="SQL", help="Query, where READINGS is an SQL URL.")] = "",
    store: options.Store = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="Model.  [the only one]")] = "",
    url: Annotated[
        str, typer.Option(metavar="URL", help="Server to ask: http://... or grpc://...  [load the champion]")
    ] = "",
    protocol: Annotated[str, typer.Option(metavar="NAME", help="v1, v2, v2-grpc or tfserving.")] = "",
    dataset: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Dataset file, where there is no store here.")
    ] = None,
    table: Annotated[str, typer.Option(metavar="NAME", help="Table, where --out is an SQL URL.")] = "forecasts",
    series: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column that names the series, for a model of one series.")
    ] = "",
    new_series: Annotated[
        bool, typer.Option("--new-series", help="Forecast series that the model was not trained on, too.")
    ] = False,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Windows in one call.")] = 250,
    key_file: access.KeyFile = None,
    ca: access.Authority = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Forecast the newest window of every series, and write each row once.

    The same command again writes what is new; after a kill, what is missing.

    Example: sluice predict-batch readings/ --out forecasts/
    """
    with guarded(debug):
        from pipelines.cli.console import open_console, quiet_libraries
        from pipelines.cli.source import find_store
        from serving.batch.predict import predict_batch as run
        from serving.batch.request import BatchRequest

        found = store if store is not None or (dataset is not None and url) else find_store(None)
        request = BatchRequest(
            out=out,
            readings=readings,
            query=query,
            store=found,
            model=model,
            url=url,
            protocol=protocol,
            dataset=dataset,
            table=table,
            series=series,
            new_series=new_series,
            batch_size=batch_size,
            key=access.find_key(key_file),
            ca=ca,
        )
        with quiet_libraries(debug), shown(open_console(stderr=True)) as progress:
            summary = run(request, progress)
        if as_json:
            typer.echo(json.dumps(summary.as_dict()))
        else:
            print_summary(open_console(), summary)
        if summary.nothing_forecast:
            raise SystemExit(WRONG_INPUT)


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """Shows progress: a bar in a terminal, a line now and then anywhere else."""
    if not console.is_terminal:
        yield _lines(console)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total or None, description=text)


def _lines(console: Console) -> Progress:
    last = ("", 0.0)

    def tell(done: int, total: int, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if text == last[0] and now - last[1] < _LINE_EVERY:
            return
        last = (text, now)
        console.print(f"{text}: {done:,} of {total:,} series" if total else text, markup=False)

    return tell


def print_summary(console: Console, summary: BatchSummary) -> None:
    """Prints what became of the rows, and which series have no forecast."""
    from pipelines.run.screen import duration_text

    version = f" version {summary.version}" if summary.version else ""
    console.print(
        f"{summary.series:,} series by {summary.model}{version} in {duration_text(summary.seconds['total'])}, "
        f"to {summary.out}",
        markup=False,
    )
    console.print(
        f"rows in {summary.rows_in:,} = written {summary.rows_written:,} + "
        f"already there {summary.rows_already_there:,} + refused {summary.rows_refused:,}"
    )
    if summary.readings_quarantined:
        console.print(f"{summary.readings_quarantined:,} of {summary.readings_in:,} readings can't be used")
    for refusal in summary.refused[:_LISTED]:
        console.print(f"no forecast for {refusal}", markup=False)
    if len(summary.refused) > _LISTED:
        console.print(f"and {len(summary.refused) - _LISTED:,} more series (--json lists them all)")
