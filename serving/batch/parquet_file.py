"""One Parquet file, which is replaced as a whole with each batch of rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from serving.batch.parquet_keys import new_rows, parquet_keys, parquet_schema
from serving.batch.rows import RowKey
from serving.batch.writing import only_writer, written_aside


@dataclass(frozen=True)
class ParquetFile:
    """Rows before and new rows in one file; for a file that grows without end a folder costs less.

    Attributes:
        path: the file; made with the first rows.
    """

    path: Path

    @property
    def where(self) -> str:
        """See Sink.where."""
        return str(self.path)

    def keys(self, model: str, version: int, origins: Collection[int]) -> set[RowKey]:
        """See Sink.keys."""
        if not origins or not self.path.exists():
            return set()
        return parquet_keys(self.path, model, version, origins)

    def add(self, rows: pa.Table) -> int:
        """See Sink.add."""
        if not len(rows):
            return 0
        with only_writer(self.path.with_name(f".{self.path.name}.lock")):
            fresh = new_rows(rows, self.keys)
            if len(fresh):
                self._append(fresh)
        return len(fresh)

    def close(self) -> None:
        """Nothing is open."""

    def _append(self, rows: pa.Table) -> None:
        if not self.path.exists():
            with written_aside(self.path, rows.schema) as writer:
                writer.write_table(rows)
            return
        # Versions differ in their members, so columns may be new.
        schema = pa.unify_schemas([parquet_schema(self.path), rows.schema])
        with pq.ParquetFile(self.path) as before, written_aside(self.path, schema) as writer:
            for group in range(before.num_row_groups):
                writer.write_table(_as(schema, before.read_row_group(group)))
            writer.write_table(_as(schema, rows))


def _as(schema: pa.Schema, table: pa.Table) -> pa.Table:
    columns = [
        table[field.name].cast(field.type) if field.name in table.schema.names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
