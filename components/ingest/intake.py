"""Takes in tables piece by piece: cells become numbers, stamps instants, and faults are noted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Column, Dataset, Melt
from components.ingest.cells import as_text, is_missing
from components.ingest.columns import Columns, HeldColumns
from components.ingest.headers import require_columns
from components.ingest.numbers import Numbers, parse_numbers
from components.ingest.raw_table import RawTable
from components.ingest.stamps import StampReader
from components.ingest.wall_clock import NO_TIME

NO_SERIES = -1


def table_columns(dataset: Dataset) -> dict[str, Column]:
    """Value columns that the table must have, each with what the dataset says of it."""
    if not isinstance(dataset.series, Melt):
        return dict(dataset.columns)
    into = dataset.columns[dataset.series.into]
    others = {name: column for name, column in dataset.columns.items() if name != dataset.series.into}
    return {**dict.fromkeys(dataset.series.melt, into), **others}


def judged_columns(dataset: Dataset) -> frozenset[str]:
    """Columns of which a kept row has at least one value."""
    return frozenset(dataset.series.melt if isinstance(dataset.series, Melt) else dataset.columns)


def wanted_columns(dataset: Dataset) -> list[str]:
    """All columns that the table must have: of time, of series and of values."""
    series = [dataset.series] if isinstance(dataset.series, str) else []
    return list(dict.fromkeys([dataset.time, *series, *table_columns(dataset)]))


@dataclass
class Pieces:
    """Columns of the rows taken in, one array a table.

    Attributes:
        source: index of each row's source.
        row: 1-based data row in it.
        ns: stamp, nanoseconds since 1970 (NO_TIME where unreadable).
        zoned: whether `ns` is UTC already.
        series: code of each row's series, NO_SERIES where it names none.
        empty: whether none of the columns that a kept row needs one of has a usable value.
    """

    source: list[NDArray[np.int32]] = field(default_factory=list)
    row: list[NDArray[np.int64]] = field(default_factory=list)
    ns: list[NDArray[np.int64]] = field(default_factory=list)
    zoned: list[NDArray[np.bool_]] = field(default_factory=list)
    series: list[NDArray[np.int32]] = field(default_factory=list)
    empty: list[NDArray[np.bool_]] = field(default_factory=list)


@dataclass
class Intake:
    """What has been taken in so far.

    Attributes:
        dataset: what the columns are.
        pieces: place and time of each row.
        values: by column, its cells as numbers.
        sources: names of the sources in order.
        names: names of the series in the order of their codes.
        cells: faulty cells: position (index of the row among all), column, value, reason.
        torn: rows whose cells can't be told apart: source, row, value, reason.
        unreadable: by position, the text that is no stamp.
    """

    dataset: Dataset
    pieces: Pieces = field(default_factory=Pieces)
    values: Columns = field(default_factory=HeldColumns)
    sources: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    cells: list[pd.DataFrame] = field(default_factory=list)
    torn: list[tuple[str, int, str, str]] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    rows: int = 0
    _stamps: dict[str, StampReader] = field(default_factory=dict)

    def add_all(self, tables: Iterable[RawTable]) -> None:
        """Takes in tables one after the other and keeps none; see add."""
        for table in tables:
            self.add(table)

    def add(self, table: RawTable) -> None:
        """Takes in one table.

        Raises:
            InputError: it lacks a column of the dataset.
        """
        require_columns(list(table.frame.columns), wanted_columns(self.dataset), table.source)
        if table.source not in self.sources:
            self.sources.append(table.source)
        self.torn += [(table.source, torn.row, torn.text, torn.reason) for torn in table.rejected]
        count = len(table.frame)
        self._take_places(table, count)
        empty, judged = np.ones(count, dtype=bool), judged_columns(self.dataset)
        for name, column in table_columns(self.dataset).items():
            numbers = parse_numbers(table.frame[name], table.decimal)
            self._note_cells(table.frame[name], name, numbers, column)
            if name in judged:
                empty &= np.isnan(numbers.values)
            self.values.add(name, numbers.values)
        self.pieces.empty.append(empty)
        self.rows += count

    def _take_places(self, table: RawTable, count: int) -> None:
        stamps = self._stamps.setdefault(table.source, StampReader()).read(table.frame[self.dataset.time])
        unread = np.flatnonzero(stamps.ns == NO_TIME)
        if len(unread):
            texts = as_text(table.frame[self.dataset.time].iloc[unread]).to_pylist()
            self.unreadable.update(zip((unread + self.rows).tolist(), (text or "" for text in texts), strict=True))
        self.pieces.source.append(np.full(count, self.sources.index(table.source), dtype=np.int32))
        self.pieces.row.append(table.rows)
        self.pieces.ns.append(stamps.ns)
        self.pieces.zoned.append(stamps.zoned)
        self.pieces.series.append(self._series(table.frame))

    def _series(self, frame: pd.DataFrame) -> NDArray[np.int32]:
        if not isinstance(self.dataset.series, str):
            return np.zeros(len(frame), dtype=np.int32)
        texts = as_text(frame[self.dataset.series])
        local, names = pd.factorize(texts.to_pandas().mask(is_missing(texts)))
        codes = [self.names.setdefault(str(name), len(self.names)) for name in names]
        by_local = np.array([*codes, NO_SERIES], dtype=np.int32)
        return np.asarray(by_local[local])

    def _note_cells(self, cells: pd.Series, name: str, numbers: Numbers, column: Column) -> None:
        """Notes the cells that hold no possible value, and empties those out of limits."""
        low, high = column.limits
        faults = [(numbers.wrong, "no number"), (numbers.infinite, "infinite")]
        if low is not None:
            faults.append((numbers.values < low, f"below the lowest possible value {low:g}"))
        if high is not None:
            faults.append((numbers.values > high, f"above the highest possible value {high:g}"))
        for mask, reason in faults:
            found = np.flatnonzero(mask)
            if len(found):
                texts = as_text(cells.iloc[found]).to_pylist()
                self.cells.append(_cells(found + self.rows, name, texts, reason))
                numbers.values[found] = np.nan


def _cells(positions: NDArray[np.int64], column: str, texts: list[str], reason: str) -> pd.DataFrame:
    return pd.DataFrame({"position": positions, "column": column, "value": texts, "reason": reason})
