"""A folder of Parquet files, one for each batch of rows, never changed once they are there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from serving.batch.parquet_keys import new_rows, parquet_keys
from serving.batch.rows import RowKey, stamps_of, table_keys
from serving.batch.writing import only_writer, sweep, written_aside

_LOCK = ".lock"
_SECOND = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"(?P<model>.+)-v(?P<version>\d+)-(?P<first>\d{8}T\d{6}Z)-(?P<last>\d{8}T\d{6}Z)-[0-9a-f]{16}\.parquet"
)


@dataclass(frozen=True)
class ParquetFolder:
    """`<model>-v<version>-<first origin>-<last origin>-<digest of the keys>.parquet`.

    The name says which rows a file may hold, so that old files need not be opened; the same rows get the same name.
    Any other Parquet file in the folder is looked into.

    Attributes:
        path: the folder; made with the first rows.
    """

    path: Path

    @property
    def where(self) -> str:
        """See Sink.where."""
        return str(self.path)

    def keys(self, model: str, version: int, origins: Collection[int]) -> set[RowKey]:
        """See Sink.keys."""
        found: set[RowKey] = set()
        if not origins or not self.path.is_dir():
            return found
        seconds = [stamp.strftime(_SECOND) for stamp in stamps_of(origins)]
        for file in sorted(self.path.glob("*.parquet")):
            if _may_hold(file.name, model, version, seconds):
                found |= parquet_keys(file, model, version, origins)
        return found

    def add(self, rows: pa.Table) -> int:
        """See Sink.add."""
        if not len(rows):
            return 0
        with only_writer(self.path / _LOCK):
            sweep(self.path)
            fresh = new_rows(rows, self.keys)
            if len(fresh):
                with written_aside(self.path / _file_name(fresh), fresh.schema) as writer:
                    writer.write_table(fresh)
        return len(fresh)

    def close(self) -> None:
        """Nothing is open."""


def _may_hold(name: str, model: str, version: int, seconds: list[str]) -> bool:
    """Whether a file may hold rows of a version at one of the origins; stamps so written sort as they follow."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        return True
    if (parts["model"], int(parts["version"])) != (model, version):
        return False
    return any(parts["first"] <= second <= parts["last"] for second in seconds)


def _file_name(rows: pa.Table) -> str:
    keys = sorted(table_keys(rows))
    origins = stamps_of({origin for _, origin, _ in keys})
    first, last = (stamp.strftime(_SECOND) for stamp in (origins[0], origins[-1]))
    digest = hashlib.sha256(repr(keys).encode()).hexdigest()[:16]
    return f"{rows['model'][0]}-v{rows['version'][0]}-{first}-{last}-{digest}.parquet"
