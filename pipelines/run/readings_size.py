"""How many readings there are, as far as that is cheap to know before anything runs."""

from __future__ import annotations

import gzip
import zlib
from io import BufferedIOBase
from pathlib import Path

_BLOCK_BYTES = 1 << 20
_TEXT = (".csv", ".txt", ".tsv")
_PARQUET = (".parquet", ".pq")


def rows_of(data: str | None) -> int | None:
    """Rows of a file or of all files of a folder: from Parquet's metadata, and by the lines of a text.

    None for readings that are yet to be made, a database, where counting may take as long as reading, a workbook, and
    what can't be read; the ingest step says what is wrong with it.
    """
    if data is None or "://" in data:
        return None
    path = Path(data)
    try:
        files = list(filter(Path.is_file, path.iterdir())) if path.is_dir() else [path]
        counts = [count for file in files if (count := _rows_of_file(file)) is not None]
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    return sum(counts) if counts else None


def _rows_of_file(path: Path) -> int | None:
    name = path.name.lower()
    if name.endswith(_PARQUET):
        from pyarrow import parquet

        return int(parquet.read_metadata(path).num_rows)
    if not name.removesuffix(".gz").endswith(_TEXT):
        return None
    with gzip.open(path, "rb") if name.endswith(".gz") else path.open("rb") as file:
        return max(_lines(file) - 1, 0)


def _lines(file: BufferedIOBase) -> int:
    """Lines of a text; the last one may have no end."""
    lines, last = 0, b"\n"
    while block := file.read(_BLOCK_BYTES):
        lines += block.count(b"\n")
        last = block[-1:]
    return lines + (last != b"\n")
