"""CSV text as tables: encoding, delimiter and header found out, cells left as text."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from components.errors import InputError
from components.ingest.encoding import Utf8Stream, detect_encoding
from components.ingest.headers import clean_names, require_columns
from components.ingest.raw_table import Decimal, RawTable, Rejected

SAMPLE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 24
DELIMITERS = ",;\t|"
Opener = Callable[[], IO[bytes]]
_BAD_FILE = (OSError, EOFError, pa.ArrowInvalid)


@dataclass(frozen=True)
class Layout:
    """How a CSV text is laid out.

    Attributes:
        encoding: as Python names it.
        delimiter: between cells.
        names: of the columns, unique.
        skipped: lines up to and with the header.
        quoted: whether any cell is quoted, so that a line break may lie in a cell.
    """

    encoding: str
    delimiter: str
    names: tuple[str, ...]
    skipped: int
    quoted: bool

    @property
    def decimal(self) -> Decimal:
        """Where a comma doesn't part cells it may part decimals."""
        return "." if self.delimiter == "," else ","


def read_csv(path: Path, source: str, columns: Sequence[str] | None) -> Iterator[RawTable]:
    """Tables of a CSV file (`.gz` too), some hundred thousand rows at a time.

    Rows shorter than the header are filled with empty cells; longer ones are rejected, since nobody can tell
    which of their cells is which.

    Raises:
        InputError: the file is empty, no text, damaged, or lacks a wanted column.
    """
    return read_csv_text(lambda: _open(path), source, columns)


def read_csv_text(opener: Opener, source: str, columns: Sequence[str] | None) -> Iterator[RawTable]:
    """Tables of CSV text, wherever it comes from; it is opened twice. See read_csv.

    Raises:
        InputError: as read_csv.
    """
    try:
        layout = _find_layout(opener, source)
        require_columns(layout.names, columns, source)
        with opener() as binary:
            yield from _tables(Utf8Stream(binary, layout.encoding), layout, source, columns)
    except _BAD_FILE as error:
        raise InputError(
            source, f"it can't be read as CSV: {error}", "check that the file is whole and is CSV"
        ) from error


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _find_layout(opener: Opener, source: str) -> Layout:
    with opener() as binary:
        sample = binary.read(SAMPLE_BYTES)
    if not sample.strip():
        raise InputError(source, "the file is empty", "give a file with a header line and rows of readings")
    encoding = detect_encoding(sample, source)
    text = io.TextIOWrapper(io.BytesIO(sample), encoding, errors="replace").read()
    lines = text.splitlines()
    header = next((index for index, line in enumerate(lines) if line.strip()), None)
    if header is None:
        raise InputError(source, "the file is empty", "give a file with a header line and rows of readings")
    delimiter = sniff_delimiter(lines[header])
    names = clean_names(next(csv.reader([lines[header]], delimiter=delimiter)))
    return Layout(encoding, delimiter, tuple(names), header + 1, '"' in text)


def sniff_delimiter(header: str) -> str:
    """The sign that parts the header into most cells; a comma where none does."""
    outside_quotes = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside_quotes.count)


def _tables(stream: Utf8Stream, layout: Layout, source: str, columns: Sequence[str] | None) -> Iterator[RawTable]:
    odd: list[Any] = []

    def set_aside(row: Any) -> str:
        odd.append(row)
        return "skip"

    reader = pa.csv.open_csv(
        stream,
        read_options=pa.csv.ReadOptions(
            # Without threads the rows set aside carry their numbers.
            use_threads=False,
            block_size=BLOCK_BYTES,
            column_names=list(layout.names),
            skip_rows=layout.skipped,
        ),
        parse_options=pa.csv.ParseOptions(
            delimiter=layout.delimiter, newlines_in_values=layout.quoted, invalid_row_handler=set_aside
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in layout.names},
            include_columns=list(columns) if columns else [],
        ),
    )
    next_row = 1
    for batch in reader:
        # The reader is a block ahead: some of the rows set aside lie behind this batch.
        rows = _numbers(next_row, batch.num_rows, [row.number - layout.skipped for row in odd])
        next_row = int(rows[-1]) + 1 if len(rows) else next_row
        yield RawTable(
            source, pa.Table.from_batches([batch]).to_pandas(types_mapper=pd.ArrowDtype), rows, layout.decimal
        )
    if odd:
        by_number = {row.number - layout.skipped: row for row in odd}
        yield _odd_table(by_number, layout, source, list(columns) if columns else list(layout.names))


def _numbers(first: int, count: int, set_aside: list[int]) -> NDArray[np.int64]:
    """Numbers of `count` rows from `first` on, leaving out those set aside."""
    candidates = np.arange(first, first + count + len(set_aside), dtype=np.int64)
    return candidates[~np.isin(candidates, np.array(set_aside, dtype=np.int64))][:count]


def _odd_table(odd_rows: dict[int, Any], layout: Layout, source: str, columns: list[str]) -> RawTable:
    width = len(layout.names)
    short: dict[int, list[str]] = {}
    rejected: list[Rejected] = []
    for number, row in odd_rows.items():
        cells = next(csv.reader([row.text], delimiter=layout.delimiter), [])
        if len(cells) <= width:
            short[number] = cells + [""] * (width - len(cells))
        elif not any(cell.strip() for cell in cells[width:]):
            short[number] = cells[:width]
        else:
            rejected.append(Rejected(number, row.text, f"{len(cells)} cells where the header has {width}"))
    frame = pd.DataFrame(list(short.values()), columns=list(layout.names), dtype=object)[columns]
    return RawTable(source, frame, np.array(list(short), dtype=np.int64), layout.decimal, tuple(rejected))
