"""`sluice dataset`: write a first dataset file, and see what one makes of its readings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded
from pipelines.cli.invocation import command

if TYPE_CHECKING:
    from components.dataset.schema import Dataset
    from components.ingest.step import IngestSummary
    from components.preprocess.inspect import Inspection, PartInspection

app = typer.Typer(help="Write and check dataset files.", no_args_is_help=True)


@app.command("init")
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table: CSV, Excel or Parquet.")],
    target: Annotated[str, typer.Option(metavar="COLUMN", help="The column to forecast.")],
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="The time column.  [found]")] = None,
    timezone: Annotated[str, typer.Option(metavar="TZ", help="Time zone of stamps that name none.")] = "UTC",
    window: Annotated[
        int | None, typer.Option(metavar="N", help="Readings that a forecast looks back on.  [100]")
    ] = None,
    horizons: Annotated[str | None, typer.Option(metavar="LIST", help="Steps ahead: 1,6,12 or 1-24.  [1,6,12]")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Dataset file to write.  [FILE.yaml]")] = None,
    debug: options.Debug = False,
) -> None:
    """Guess a first dataset file from a table.

    Example: sluice dataset init readings.csv --target level --horizons 6,12,36
    """
    with guarded(debug):
        from components.ingest.guess import GuessRequest, default_dataset_file, first_dataset

        path = out or default_dataset_file(file)
        _refuse_overwriting(path)
        text = first_dataset(
            GuessRequest(
                table=file,
                target=target,
                dataset_file=path,
                time=time,
                timezone=timezone,
                window=window,
                horizons=horizons,
            )
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        typer.echo(f"{path}\nLook it over, then: {command(['run', str(path)])}")


@app.command("check")
def check(
    dataset: options.DatasetName,
    data: Annotated[str | None, typer.Option(metavar="PATH", help="Readings. Replaces `source`.")] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Show windows, gaps, borders and spikes of each part; nothing is trained.

    Example: sluice dataset check walnut_creek.yaml
    """
    with guarded(debug):
        from pipelines.cli.source import find_data, find_dataset, need_data
        from pipelines.dataset_check import check_dataset

        found = find_dataset(dataset)
        result = check_dataset(found, need_data(dataset, find_data(dataset, found, data)))
        if as_json:
            typer.echo(json.dumps(_facts(result.summary, result.inspection)))
        else:
            _print(found, result.summary, result.inspection)
        if result.shortage is not None:
            raise result.shortage


def _refuse_overwriting(path: Path) -> None:
    from components.errors import InputError

    if path.exists():
        raise InputError(str(path), "exists already, and may hold work of yours", "name another file with --out")


def _facts(summary: IngestSummary, inspection: Inspection) -> dict[str, Any]:
    from dataclasses import asdict

    return {"ingest": asdict(summary), **json.loads(json.dumps(asdict(inspection), default=str))}


def _print(dataset: Dataset, summary: IngestSummary, inspection: Inspection) -> None:
    from rich.table import Table

    from pipelines.cli.console import open_console

    console = open_console()
    console.print(
        f"{dataset.name}: {summary.rows_in:,} rows in, {summary.rows_kept:,} kept, {summary.rows_quarantined:,} "
        f"quarantined; {summary.cells_quarantined:,} cells emptied"
    )
    console.print(
        f"{inspection.series} series, {inspection.rows_grid:,} rows on the grid of {dataset.step}; a spike rises by "
        f"{inspection.spike_rise:.4g} {dataset.columns[dataset.target].unit} within {inspection.spike_within} steps"
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("part", "from", "to", "rows", "usable", "windows", "gaps", "spikes"):
        table.add_column(heading, justify="left" if heading in ("part", "from", "to") else "right", no_wrap=True)
    for part in inspection.parts:
        table.add_row(*_row(part))
    console.print(table)
    for part in inspection.parts:
        if part.longest_gap is not None:
            console.print(f"longest gap in {part.name}: {part.longest_gap}")


def _row(part: PartInspection) -> tuple[str, ...]:
    counts = (part.rows, part.usable, part.windows, part.gaps, part.spikes)
    return (part.name, _stamp(part.first), _stamp(part.last), *(f"{count:,}" for count in counts))


def _stamp(stamp: Any) -> str:
    return "–" if stamp is None else str(stamp)[:16].replace("T", " ")
