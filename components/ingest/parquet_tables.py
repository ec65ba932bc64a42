"""Parquet files as tables, in the types that the file holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from components.errors import InputError
from components.ingest.headers import require_columns
from components.ingest.raw_table import RawTable

CHUNK_ROWS = 200_000


def read_parquet(path: Path, source: str, columns: Sequence[str] | None) -> Iterator[RawTable]:
    """Tables of a Parquet file, some hundred thousand rows at a time.

    Raises:
        InputError: the file is empty, is no Parquet, or lacks a wanted column.
    """
    if path.stat().st_size == 0:
        raise InputError(source, "the file is empty", "give a Parquet file with readings")
    try:
        with pa.parquet.ParquetFile(path) as file:
            require_columns(file.schema_arrow.names, columns, source)
            wanted = list(columns) if columns else None
            first = 1
            for batch in file.iter_batches(CHUNK_ROWS, columns=wanted):
                frame = pd.DataFrame(
                    {
                        name: pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([batch.column(name)])))
                        for name in wanted or batch.schema.names
                    }
                )
                yield RawTable(source, frame, np.arange(first, first + len(frame), dtype=np.int64))
                first += len(frame)
    except (pa.ArrowException, OSError) as error:
        problem = f"it can't be read as Parquet: {error}"
        raise InputError(source, problem, "check that the file was written whole") from error
