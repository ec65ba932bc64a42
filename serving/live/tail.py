"""The last rows of a file of readings, without reading what lies before them where that can be avoided."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from components.errors import InputError
from components.ingest.raw_table import RawTable
from components.ingest.read import EXTENSIONS, read_tables

PLAIN_TEXT = (".csv", ".txt", ".tsv")
_HEADER_BYTES = 1 << 16
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Tail:
    """The end of a source.

    Attributes:
        tables: its last rows, oldest first.
        whole: whether nothing lies before them.
        torn: whether the last line had no end yet, and was left out.
    """

    tables: tuple[RawTable, ...]
    whole: bool
    torn: bool = False


def read_tail(path: Path, columns: Sequence[str], size: int) -> Tail:
    """The last `size` bytes of a text file or more, the last row groups of a Parquet file, else all of it.

    Rows are taken to be in order of time, as loggers append them. Of a folder the files with the last names are read.

    Args:
        path: file, or folder of files.
        columns: that are wanted.
        size: bytes that are enough.

    Raises:
        InputError: nothing is there, it can't be read, or lacks a wanted column.
    """
    try:
        if path.is_dir():
            return _folder_tail(path, columns, size)
        return _file_tail(path, columns, size)
    except OSError as error:
        raise InputError(str(path), f"it can't be read: {error.strerror or error}", "check the path") from error


def source_files(path: Path) -> tuple[Path, ...]:
    """The file itself, or the files of a folder in the order of their names."""
    if not path.is_dir():
        return (path,)
    return tuple(sorted(file for file in path.iterdir() if file.is_file() and file.name.lower().endswith(EXTENSIONS)))


def _folder_tail(path: Path, columns: Sequence[str], size: int) -> Tail:
    tails: list[Tail] = []
    files = source_files(path)
    left = size
    for file in reversed(files):
        tails.insert(0, _file_tail(file, columns, left))
        left -= file.stat().st_size
        if left <= 0:
            break
    if not tails:
        return Tail(tuple(read_tables(str(path), columns)), whole=True)
    tables = tuple(table for tail in tails for table in tail.tables)
    return Tail(tables, len(tails) == len(files) and tails[0].whole, any(tail.torn for tail in tails))


def _file_tail(path: Path, columns: Sequence[str], size: int) -> Tail:
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")) and path.is_file() and path.stat().st_size > size:
        return _parquet_tail(path, columns, size)
    if name.endswith(PLAIN_TEXT) and path.is_file():
        return _text_tail(path, columns, size)
    return Tail(tuple(read_tables(str(path), columns)), whole=True)


def _text_tail(path: Path, columns: Sequence[str], size: int) -> Tail:
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
        length = file.seek(0, 2)
        if head.startswith(_UTF16_MARKS) or b"\0" in head:
            return Tail(tuple(read_tables(str(path), columns)), whole=True)
        header = _header(head)
        start = max(len(header), length - size)
        file.seek(start)
        rows = file.read(length - start)
    whole = start == len(header)
    if not whole:
        rows = rows[rows.find(b"\n") + 1 :]
    torn = bool(rows) and not rows.endswith((b"\n", b"\r"))
    kept = rows[: rows.rfind(b"\n") + 1] if torn else rows
    return Tail(_parsed(path.name, header + (kept or rows), columns), whole, torn and bool(kept))


def _header(head: bytes) -> bytes:
    """Up to and with the first line that isn't blank."""
    end = 0
    for line in head.splitlines(keepends=True):
        end += len(line)
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            break
    return head[:end]


def _parsed(name: str, text: bytes, columns: Sequence[str]) -> tuple[RawTable, ...]:
    # The reader takes files; under its own name, so that errors name it.
    with tempfile.TemporaryDirectory(prefix="sluice-tail-") as folder:
        copy = Path(folder) / name
        copy.write_bytes(text)
        return tuple(read_tables(str(copy), columns))


def _parquet_tail(path: Path, columns: Sequence[str], size: int) -> Tail:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from components.ingest.headers import require_columns

    try:
        with pq.ParquetFile(path) as file:
            require_columns(file.schema_arrow.names, columns, path.name)
            groups = _last_groups(file.metadata, size)
            batches = file.iter_batches(row_groups=groups, columns=list(columns))
            tables = tuple(_raw_tables(path.name, batches, columns))
            return Tail(tables, len(groups) == file.metadata.num_row_groups)
    except pa.ArrowException as error:
        problem = f"it can't be read as Parquet: {error}"
        raise InputError(path.name, problem, "check that the file was written whole") from error


def _last_groups(metadata: object, size: int) -> list[int]:
    count: int = metadata.num_row_groups  # type: ignore[attr-defined]
    first, found = count, 0
    while first > 0 and found < size:
        first -= 1
        found += metadata.row_group(first).total_byte_size  # type: ignore[attr-defined]
    return list(range(first, count))


def _raw_tables(source: str, batches: Iterator[object], columns: Sequence[str]) -> Iterator[RawTable]:
    import pyarrow as pa

    for batch in batches:
        frame = pd.DataFrame(
            {
                name: pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([batch.column(name)])))  # type: ignore[attr-defined]
                for name in columns
            }
        )
        yield RawTable(source, frame, np.arange(1, len(frame) + 1, dtype=np.int64))
