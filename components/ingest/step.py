"""The ingest step: from a location to two Parquet files, readings and quarantine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from components.dataset.schema import Dataset, Query
from components.deploy.durable import replacing
from components.errors import InputError
from components.ingest.clean import CleanReadings, finish
from components.ingest.columns import FiledColumns
from components.ingest.intake import Intake, wanted_columns
from components.ingest.kept import KeptRows
from components.ingest.raw_table import RawTable
from components.ingest.read import is_database, read_tables
from components.journal import Journal

# Rows of a Parquet row group: so many are held at once while they are written.
GROUP_ROWS = 131_072
QUARANTINE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("row", pa.int64()),
        ("kind", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest and where to.

    Attributes:
        dataset: what the columns are.
        data: a path, a folder, or a database URL whose query is in the dataset's source.
        readings: Parquet file to write the readings to.
        quarantine: Parquet file to write to what was set aside.
    """

    dataset: Dataset
    data: str
    readings: Path
    quarantine: Path


@dataclass(frozen=True)
class IngestSummary:
    """Counts of an ingest; rows in = rows kept + rows quarantined."""

    rows_in: int
    rows_kept: int
    rows_quarantined: int
    cells_quarantined: int
    seconds: float


def ingest_readings(
    request: IngestRequest, journal: Journal, clock: Callable[[], float] = time.monotonic
) -> IngestSummary:
    """Reads, cleans and writes; both files appear whole or not at all.

    Args:
        request: what to ingest and where to.
        journal: told of the progress.
        clock: seconds, of which differences are taken.

    Raises:
        InputError: the data can't be found or read, lack a column, or hold no usable row.
    """
    start = clock()
    location = _location(request.dataset, request.data)
    tables = read_tables(location, wanted_columns(request.dataset))
    request.readings.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=request.readings.parent, buffering=0) as aside:
        intake = Intake(request.dataset, values=FiledColumns(aside))
        intake.add_all(_told(tables, journal, _expected_bytes(location)))
        cleaned = finish(intake)
        _require_rows(cleaned, request.data)
        _write_readings(cleaned.kept, request.readings)
    quarantine = pa.Table.from_pandas(cleaned.quarantine, QUARANTINE_SCHEMA, preserve_index=False)
    with replacing(request.quarantine) as file:
        pa.parquet.write_table(quarantine, file)
    return IngestSummary(
        rows_in=cleaned.rows_in,
        rows_kept=cleaned.rows_kept,
        rows_quarantined=cleaned.rows_quarantined,
        cells_quarantined=cleaned.cells_quarantined,
        seconds=clock() - start,
    )


def _location(dataset: Dataset, data: str) -> str | Query:
    if not is_database(data):
        return data
    if isinstance(dataset.source, Query):
        return Query(url=data, query=dataset.source.query)
    return data


def _expected_bytes(location: str | Query) -> int:
    """Bytes of the files to read, 0 where nobody knows."""
    if isinstance(location, Query):
        return 0
    path = Path(location)
    if path.is_dir():
        return sum(file.stat().st_size for file in path.iterdir() if file.is_file())
    return path.stat().st_size if path.is_file() else 0


def _told(tables: Iterator[RawTable], journal: Journal, expected_bytes: int) -> Iterator[RawTable]:
    """Passes tables on and says how many rows have come."""
    rows = 0
    for table in tables:
        rows += len(table.frame)
        # How many rows are to come is not known, so the total is what has been read: a count that grows.
        journal.progress(rows, rows, f"{rows:,} rows of {expected_bytes / 1e6:,.0f} MB" if expected_bytes else "")
        yield table


def _require_rows(cleaned: CleanReadings, data: str) -> None:
    if not cleaned.rows_in:
        raise InputError(data, "it holds a header and no rows", "give a table with readings")
    if cleaned.rows_kept:
        return
    first = cleaned.quarantine.iloc[0]
    why = f"row {first['row']} of {first['source']}: {first['reason']} ({first['value']!r} in {first['column']!r})"
    fix = "check the time column, the columns' limits and the decimal sign against the dataset file"
    raise InputError(data, f"none of its {cleaned.rows_in} rows can be used; {why}", fix)


def _write_readings(kept: KeptRows, path: Path) -> None:
    values = [pa.field(name, pa.float64()) for name in kept.dataset.columns]
    schema = pa.schema([pa.field("series", pa.string()), pa.field("time", pa.timestamp("ns", "UTC")), *values])
    with replacing(path) as file, pa.parquet.ParquetWriter(file, schema) as writer:
        for frame in kept.frames(GROUP_ROWS):
            writer.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
