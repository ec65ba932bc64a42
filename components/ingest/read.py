"""Where readings come from: files, folders of files and databases, one piece at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from components.dataset.schema import Query
from components.errors import InputError
from components.ingest.raw_table import RawTable

__all__ = ["EXTENSIONS", "RawTable", "is_database", "read_tables"]

EXTENSIONS = (".csv", ".csv.gz", ".txt", ".tsv", ".tsv.gz", ".xlsx", ".xlsm", ".parquet", ".pq")
_URL = re.compile(r"^[a-z][a-z0-9]*(\+[a-z0-9_]+)?://", re.IGNORECASE)
Reader = Callable[[Path, str, Sequence[str] | None], Iterator[RawTable]]


def is_database(location: str) -> bool:
    """Whether a location is a database URL and no path."""
    return bool(_URL.match(location))


def read_tables(location: str | Query, columns: Sequence[str] | None = None) -> Iterator[RawTable]:
    """Tables of a file, of each file in a folder (sorted by name), or of a query, with their cells untouched.

    Args:
        location: a path (`.csv`, `.csv.gz`, `.xlsx`, `.parquet`), a folder of such files, or a query.
        columns: the columns that are wanted; all where not given.

    Raises:
        InputError: nothing is there, it is empty or of an unknown kind, or it lacks a wanted column.
    """
    if isinstance(location, Query):
        from components.ingest.sql_tables import read_query

        yield from read_query(location, columns)
        return
    if is_database(location):
        fix = "write source: {url: ..., query: ...} in the dataset file"
        raise InputError(location.split("@")[-1], "a database needs a query as well", fix)
    path = Path(location)
    for file in _files(path):
        source = str(file.relative_to(path)) if path.is_dir() else file.name
        yield from _reader(file)(file, source, columns)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        near = _near_names(path)
        fix = f"did you mean {near}?" if near else "check the path; it is taken from the folder that you are in"
        raise InputError(str(path), "there is no such file or folder", fix)
    if path.is_file():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and _extension(file))
    if not files:
        raise InputError(str(path), "the folder holds no table", f"put files ending in {', '.join(EXTENSIONS)} there")
    return files


def _near_names(path: Path) -> str:
    import difflib

    if not path.parent.is_dir():
        return ""
    names = [other.name for other in path.parent.iterdir()]
    return ", ".join(difflib.get_close_matches(path.name, names, n=2, cutoff=0.75))


def _extension(path: Path) -> str:
    name = path.name.lower()
    found = [extension for extension in EXTENSIONS if name.endswith(extension)]
    return max(found, key=len, default="")


def _reader(path: Path) -> Reader:
    extension = _extension(path)
    if not extension:
        what = f"files ending in {path.suffix!r} can't be read" if path.suffix else "the file has no extension"
        raise InputError(str(path), what, f"give a file ending in {', '.join(EXTENSIONS)}")
    if extension in (".xlsx", ".xlsm"):
        from components.ingest.excel_tables import read_excel

        return read_excel
    if extension in (".parquet", ".pq"):
        from components.ingest.parquet_tables import read_parquet

        return read_parquet
    from components.ingest.csv_tables import read_csv

    return read_csv
