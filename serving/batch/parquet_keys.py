"""Which rows a Parquet file holds, from its key columns alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.errors import InputError
from serving.batch.rows import KEY, RowKey, stamps_of, table_keys


def parquet_keys(path: Path, model: str, version: int, origins: Collection[int]) -> set[RowKey]:
    """Keys of a version's rows at those origins; row groups that can't hold one are not read.

    Raises:
        InputError: the file is no Parquet file of ours.
    """
    schema = parquet_schema(path)
    wanted = pa.array(stamps_of(origins), schema.field("origin").type)
    found = (pc.field("model") == model) & (pc.field("version") == version) & pc.field("origin").isin(wanted)
    return set(table_keys(pq.read_table(path, columns=["series", "origin", "horizon"], filters=found)))


def new_rows(rows: pa.Table, known: Callable[[str, int, Collection[int]], set[RowKey]]) -> pa.Table:
    """Those rows of one version whose keys are not known."""
    keys = table_keys(rows)
    there = known(rows["model"][0].as_py(), rows["version"][0].as_py(), {origin for _, origin, _ in keys})
    return rows.filter(pa.array([key not in there for key in keys], pa.bool_()))


def parquet_schema(path: Path) -> pa.Schema:
    """The columns of a file of ours.

    Raises:
        InputError: it is no Parquet file, or lacks a key column.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        fix = "move it away, or write to another place"
        raise InputError(str(path), f"is no Parquet file ({str(error).splitlines()[0]})", fix) from error
    lacking = [name for name in KEY if name not in schema.names]
    if lacking or not pa.types.is_timestamp(schema.field("origin").type):
        problem = f"holds no forecasts: it has no column {', '.join(lacking)}" if lacking else "its origin is no stamp"
        raise InputError(str(path), problem, "write to another place")
    return schema
