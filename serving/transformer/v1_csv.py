"""Raw readings as a CSV table in the V1 protocol: a file of readings is posted as it lies there."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from components.errors import InputError
from components.ingest.csv_tables import read_csv_text
from components.ingest.raw_table import RawTable
from serving.server.backend import Backend
from serving.server.errors import RequestError, TooLargeError
from serving.transformer.forecaster import ReadingsQuestion, dataset_of
from serving.transformer.parameters import read_parameters
from serving.transformer.readings import MAX_ROWS
from serving.transformer.v1_records import RecordsRequest

CONTENT_TYPE = "text/csv"
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class CsvBody:
    """A posted table.

    Attributes:
        content: CSV text, as ingest reads files: any usual delimiter and encoding.
        query: `members` and `max_age_seconds`, which other bodies carry themselves.
    """

    content: bytes
    query: Mapping[str, str]


def is_csv(content_type: str | None) -> bool:
    """Whether a body's type is CSV."""
    return (content_type or "").split(";")[0].strip().lower() == CONTENT_TYPE


def read_csv(body: CsvBody, backend: Backend) -> RecordsRequest:
    """A table with a line of column names as a question.

    Raises:
        RequestError: it is no table, or a row has more cells than there are columns.
        TooLargeError: it has more rows than one request may have.
    """
    parameters = read_parameters({name: _WORDS.get(value, value) for name, value in body.query.items()})
    names = tuple(dataset_of(backend).columns)
    try:
        tables = [
            _frame(table, names) for table in read_csv_text(lambda: io.BytesIO(body.content), "the CSV table", None)
        ]
    except InputError as error:
        raise RequestError(f"{error.where}: {error.problem}; {error.fix}") from error
    readings = pd.concat(tables, ignore_index=True)
    if len(readings) > MAX_ROWS:
        raise TooLargeError(f"expected at most {MAX_ROWS} readings in one request, got {len(readings)}: send fewer")
    question = ReadingsQuestion(backend.name, readings, max_age_seconds=parameters.max_age_seconds)
    return RecordsRequest(question, parameters.members)


def _frame(table: RawTable, names: tuple[str, ...]) -> pd.DataFrame:
    if table.rejected:
        first = table.rejected[0]
        raise RequestError(f"row {first.row} of the CSV table has {first.reason}: {first.text[:80]!r}")
    if table.decimal == ".":
        return table.frame
    points = {name: table.frame[name].str.replace(",", ".") for name in names if name in table.frame}
    return table.frame.assign(**points)
