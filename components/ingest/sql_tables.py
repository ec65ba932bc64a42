"""Rows of a database query as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.dataset.schema import Query
from components.errors import InputError
from components.ingest.headers import clean_names, require_columns
from components.ingest.raw_table import RawTable

CHUNK_ROWS = 100_000


def read_query(query: Query, columns: Sequence[str] | None) -> Iterator[RawTable]:
    """Tables of a query's rows, fetched piece by piece.

    Raises:
        InputError: sqlalchemy or the database's driver is not installed, the URL or the query is wrong, the
            database can't be reached, or the result lacks a wanted column.
    """
    try:
        import sqlalchemy
    except ImportError as error:
        raise InputError("source.url", "reading databases needs sqlalchemy", 'pip install "sluice[sql]"') from error
    engine, source = _engine(sqlalchemy, query.url)
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(sqlalchemy.text(query.query))
            yield from _tables(result, source, columns)
    except sqlalchemy.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        fix = "check source.url and source.query of the dataset file"
        raise InputError(source, f"the query fails: {reason}", fix) from error
    finally:
        engine.dispose()


def _engine(sqlalchemy: Any, address: str) -> tuple[Any, str]:
    try:
        url = sqlalchemy.engine.make_url(address)
    except sqlalchemy.exc.ArgumentError as error:
        fix = "write it as dialect://user:password@host/database, such as sqlite:///readings.db"
        raise InputError("source.url", "this is no database URL", fix) from error
    source = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        # SQLite would make an empty database of that name.
        raise InputError(
            source, "there is no such SQLite file", "check the path; three slashes are relative, four absolute"
        )
    try:
        return sqlalchemy.create_engine(url), source
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        fix = 'install the database\'s driver, for PostgreSQL: pip install "sluice[postgres]"'
        raise InputError(source, f"its driver can't be loaded: {error}", fix) from error


def _tables(result: Any, source: str, columns: Sequence[str] | None) -> Iterator[RawTable]:
    names = clean_names(list(result.keys()))
    require_columns(names, columns, source)
    first = 1
    for chunk in result.partitions(CHUNK_ROWS):
        frame = pd.DataFrame([tuple(row) for row in chunk], columns=names, dtype=object)
        if columns:
            frame = frame[list(columns)]
        yield RawTable(source, frame, np.arange(first, first + len(frame), dtype=np.int64))
        first += len(frame)
