"""A table of a database, whose primary key lets each row in once."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from components.errors import InputError
from serving.batch.rows import KEY, RowKey, microseconds, stamps_of
from serving.batch.sql_engine import open_engine, told_as_input

# SQLite takes 32,766 values in one statement, older ones 999.
_ORIGINS_AT_ONCE = 500


@dataclass(frozen=True)
class SqlTable:
    """Rows in SQLite or PostgreSQL. The table is made with the first rows, a column with the first that has it.

    Attributes:
        engine: of the database.
        where: its URL without the password, and the table.
        name: of the table.
        schema: that it lies in, None for the database's own.
    """

    engine: sa.Engine
    where: str
    name: str
    schema: str | None

    @staticmethod
    def open(url: str, table: str) -> SqlTable:
        """The table at an SQLAlchemy URL; `table` is `NAME` or `SCHEMA.NAME`.

        Raises:
            InputError: the URL or the name can't be used, the driver isn't installed, the database can't be
                reached, or the table has another primary key.
        """
        schema, _, name = table.rpartition(".")
        if not name or "." in schema or table.startswith("."):
            raise InputError(f"--table {table}", "is no name of a table", "write TABLE or SCHEMA.TABLE")
        engine, where = open_engine(url)
        sink = SqlTable(engine, f"{where} {table}", name, schema or None)
        sink._check_key()
        return sink

    def keys(self, model: str, version: int, origins: Collection[int]) -> set[RowKey]:
        """See Sink.keys."""
        stamps = stamps_of(origins)
        found: set[RowKey] = set()
        with told_as_input(self.where), self.engine.connect() as connection:
            if not stamps or not sa.inspect(connection).has_table(self.name, self.schema):
                return found
            table = self._table(())
            of_version = (table.c.model == model) & (table.c.version == version)
            for first in range(0, len(stamps), _ORIGINS_AT_ONCE):
                at = table.c.origin.in_(stamps[first : first + _ORIGINS_AT_ONCE])
                query = sa.select(table.c.series, table.c.origin, table.c.horizon).where(of_version, at)
                found |= {
                    (row.series, microseconds(_utc(row.origin)), row.horizon) for row in connection.execute(query)
                }
        return found

    def add(self, rows: pa.Table) -> int:
        """See Sink.add."""
        if not len(rows):
            return 0
        table = self._table([name for name in rows.schema.names if name.startswith("member_")])
        insert: Any = import_module(f"sqlalchemy.dialects.{self.engine.dialect.name}").insert
        # The rows returned are the ones inserted; psycopg counts none of a statement with many rows.
        statement = insert(table).on_conflict_do_nothing(index_elements=list(KEY)).returning(table.c.horizon)
        # Writers that insert in one order can't wait for each other in a circle.
        values = [_values(row) for row in rows.sort_by([(name, "ascending") for name in KEY]).to_pylist()]
        with told_as_input(self.where):
            self._make(table)
            with self.engine.begin() as connection:
                return len(connection.execute(statement, values).all())

    def close(self) -> None:
        """Ends the connections."""
        self.engine.dispose()

    def _table(self, members: Collection[str]) -> sa.Table:
        stamp = sa.DateTime(timezone=True)
        return sa.Table(
            self.name,
            sa.MetaData(),
            sa.Column("model", sa.Text, primary_key=True),
            sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("series", sa.Text, primary_key=True),
            sa.Column("origin", stamp, primary_key=True),
            sa.Column("horizon", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("time", stamp, nullable=False),
            *(sa.Column(name, sa.Float(53), nullable=False) for name in ("forecast", "lower", "upper")),
            sa.Column("spike_probability", sa.Float(53)),
            *(sa.Column(name, sa.Float(53)) for name in members),
            sa.Column("at", stamp, nullable=False),
            schema=self.schema,
        )

    def _make(self, table: sa.Table) -> None:
        """Makes what is missing of the table; another writer may be doing the same."""
        try:
            self._make_once(table)
        except (sa.exc.ProgrammingError, sa.exc.OperationalError, sa.exc.IntegrityError):
            self._make_once(table)

    def _make_once(self, table: sa.Table) -> None:
        with self.engine.begin() as connection:
            inspector = sa.inspect(connection)
            if not inspector.has_table(self.name, self.schema):
                table.create(connection)
                return
            present = {column["name"] for column in inspector.get_columns(self.name, self.schema)}
            quoted = connection.dialect.identifier_preparer
            for column in table.columns:
                if column.name not in present:
                    kind = column.type.compile(connection.dialect)
                    place = f"{quoted.format_table(table)} ADD COLUMN {quoted.format_column(column)}"
                    connection.execute(sa.text(f"ALTER TABLE {place} {kind}"))

    def _check_key(self) -> None:
        with told_as_input(self.where):
            inspector = sa.inspect(self.engine)
            if not inspector.has_table(self.name, self.schema):
                return
            key = inspector.get_pk_constraint(self.name, self.schema)["constrained_columns"]
        if set(key) != set(KEY):
            problem = f"has the primary key ({', '.join(key)}), so that rows could be written twice"
            raise InputError(self.where, problem, f"make it ({', '.join(KEY)}), or name another --table")


def _values(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _shortest(value) if isinstance(value, float) else value for name, value in row.items()}


def _shortest(value: float) -> float | None:
    # 1.23, where the float32 alone would become 1.2300000190734863; databases keep no NaN.
    return float(str(np.float32(value))) if math.isfinite(value) else None


def _utc(stamp: datetime) -> datetime:
    # SQLite keeps no zone; what is written there is UTC.
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp
