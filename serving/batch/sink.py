"""Where the rows of a batch prediction go: a Parquet file, a folder of them, or a table of a database."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from components.errors import InputError
from components.ingest.read import is_database
from serving.batch.rows import RowKey

PARQUET = (".parquet", ".pq")
_FILE_LIKE = re.compile(r"\.[a-z][a-z0-9]{1,6}$", re.IGNORECASE)


class Sink(Protocol):
    """Takes rows, each key once."""

    @property
    def where(self) -> str:
        """The place, without a password."""
        ...

    def keys(self, model: str, version: int, origins: Collection[int]) -> set[RowKey]:
        """Keys of the rows of a version that are there, among those of the origins (microseconds since 1970)."""
        ...

    def add(self, rows: pa.Table) -> int:
        """Adds those rows of one version that are not there; how many they were.

        All are there when this returns; a process that dies before leaves all of them or none.
        """
        ...

    def close(self) -> None:
        """Ends the connection, where there is one."""
        ...


def open_sink(out: str, table: str) -> Sink:
    """The sink at a path or a database URL.

    Args:
        out: `FILE.parquet`, a folder, or an SQLAlchemy URL.
        table: name of the database's table.

    Raises:
        InputError: rows can't be written there.
    """
    if is_database(out):
        from serving.batch.sql_table import SqlTable

        return SqlTable.open(out, table)
    if not out.strip():
        raise InputError("--out", "is empty", "name a .parquet file, a folder or a database URL")
    path = Path(out).expanduser()
    if path.is_dir() or (not path.exists() and not _FILE_LIKE.search(path.name)):
        from serving.batch.parquet_folder import ParquetFolder

        return ParquetFolder(path)
    if path.suffix.lower() in PARQUET:
        from serving.batch.parquet_file import ParquetFile

        return ParquetFile(path)
    raise InputError(f"--out {out}", "rows are written as Parquet", "name a file ending in .parquet, or a folder")
