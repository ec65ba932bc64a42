"""`sluice simulate`: readings made by a physical model."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded


def simulate(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="Only the reservoir has a simulator.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="CSV (also .csv.gz) or Parquet file to write.")],
    rows: Annotated[int, typer.Option(metavar="N", help="Readings, one a minute.")] = 45_000,
    start: Annotated[
        str, typer.Option(metavar="TIME", help="Time of the first, local where it names no zone.")
    ] = "2025-06-01T00:00",
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of all randomness.")] = 0,
    debug: options.Debug = False,
) -> None:
    """Write readings of a simulated basin: storms, tides, pumps, faulty sensors.

    Example: sluice simulate reservoir --rows 100000 --out readings.csv.gz
    """
    with guarded(debug):
        from components.simulate.write import write_simulation

        summary = write_simulation(preset, rows, _moment(start), seed, out)
        typer.echo(
            f"{summary.path}: {summary.rows:,} rows of {summary.columns} columns, {summary.first} to {summary.last}"
        )


def _moment(text: str) -> datetime:
    from components.errors import InputError

    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InputError("--start", f"{text!r} is no time", "write it as 2025-06-01T00:00") from None
