"""Raw tables become readings: sorted, each stamp once, with what can't be used set aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.ingest.intake import NO_SERIES, Intake, judged_columns, table_columns
from components.ingest.kept import KeptRows
from components.ingest.quarantine import REASONS, Fault, join_quarantine
from components.ingest.raw_table import RawTable
from components.ingest.stuck import stuck_cells
from components.ingest.wall_clock import NO_TIME, localize

_TYPES = {"source": np.int32, "series": np.int32, "zoned": np.bool_, "empty": np.bool_}


@dataclass(frozen=True)
class CleanReadings:
    """Readings that can be used, and what was set aside.

    A row of the source is either kept or quarantined. With a melted table, too, the rows are those of the source:
    one is kept where any of its melted columns has a usable value.

    Attributes:
        kept: rows of which there are readings, as they are stored.
        quarantine: `source`, `row` (1-based), `kind` (row or cell), `column`, `value`, `reason`; cells of
            quarantined rows are not listed apart.
        rows_in: rows of the sources.
        rows_kept: those of them in `readings`.
        rows_quarantined: the others.
        cells_quarantined: cells emptied in rows that are kept.
    """

    kept: KeptRows
    quarantine: pd.DataFrame
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    cells_quarantined: int

    @cached_property
    def readings(self) -> pd.DataFrame:
        """`series`, `time` (UTC), then a float64 column for each of the dataset's, by series and time; NaN for none."""
        return self.kept.frame()


@dataclass
class _Rows:
    """All rows in the order of the sources; see Pieces for the first six."""

    source: NDArray[np.int32]
    row: NDArray[np.int64]
    ns: NDArray[np.int64]
    zoned: NDArray[np.bool_]
    series: NDArray[np.int32]
    empty: NDArray[np.bool_]
    fault: NDArray[np.int8]


def clean_readings(dataset: Dataset, frame: pd.DataFrame, source: str = "table") -> CleanReadings:
    """Cleans one table that is in memory; see clean_tables."""
    rows = np.arange(1, len(frame) + 1, dtype=np.int64)
    return clean_tables(dataset, [RawTable(source, frame.reset_index(drop=True), rows)])


def clean_tables(dataset: Dataset, tables: Iterable[RawTable]) -> CleanReadings:
    """Cleans tables, one after the other; never holds more of their text than one table.

    Raises:
        InputError: a table lacks a column of the dataset.
    """
    intake = Intake(dataset)
    intake.add_all(tables)
    return finish(intake)


def finish(intake: Intake) -> CleanReadings:
    """Judges the rows taken in against each other: order, duplicates, stuck sensors, rows without a value."""
    rows = _join(intake)
    _localize(rows, intake.dataset.timezone)
    rows.fault[(rows.fault == Fault.NONE) & rows.empty] = Fault.NO_VALUE
    order = _drop_duplicates(rows, _by_series_and_time(rows, intake))
    stuck, emptied = _arrange(intake, rows, order)
    rows.fault[order[emptied]] = Fault.NO_VALUE
    found = [*intake.cells, *stuck]
    cells = pd.concat(found, ignore_index=True) if found else _no_cells()
    names = tuple(intake.names) or (intake.dataset.name,)
    kept = KeptRows(intake.dataset, names, rows.series[order], rows.ns[order], ~emptied, intake.values)
    return _judged(intake, rows, cells, kept)


def _no_cells() -> pd.DataFrame:
    texts = np.array([], dtype=object)
    return pd.DataFrame({"position": np.array([], dtype=np.int64), "column": texts, "value": texts, "reason": texts})


def _join(intake: Intake) -> _Rows:
    joined = {}
    for item in fields(intake.pieces):
        pieces = getattr(intake.pieces, item.name)
        joined[item.name] = np.concatenate([np.empty(0, _TYPES.get(item.name, np.int64)), *pieces])
        pieces.clear()
    rows = _Rows(**joined, fault=np.zeros(intake.rows, dtype=np.int8))
    rows.fault[rows.series == NO_SERIES] = Fault.NO_SERIES
    rows.fault[rows.ns == NO_TIME] = Fault.UNREADABLE_TIME
    return rows


def _localize(rows: _Rows, timezone: str) -> None:
    """Turns local stamps into UTC."""
    local = np.flatnonzero(~rows.zoned & (rows.fault == Fault.NONE))
    if not len(local):
        return
    local = _in_source_order(rows, local)
    instants = localize(rows.ns[local], rows.series[local], timezone)
    skipped = local[instants.skipped]
    shown = rows.ns[skipped]
    rows.ns[local] = instants.utc
    # The quarantine shows what the clock would have shown.
    rows.ns[skipped], rows.fault[skipped] = shown, Fault.SKIPPED_HOUR


def _in_source_order(rows: _Rows, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    source, row = rows.source[chosen], rows.row[chosen]
    ahead = (source[1:] > source[:-1]) | ((source[1:] == source[:-1]) & (row[1:] > row[:-1]))
    return chosen if ahead.all() else chosen[np.lexsort((row, source))]


def _by_series_and_time(rows: _Rows, intake: Intake) -> NDArray[np.int64]:
    """Positions of the rows without fault, by name of series, time, and place in the sources."""
    chosen = _in_source_order(rows, np.flatnonzero(rows.fault == Fault.NONE))
    if intake.names:
        names = list(intake.names)
        rank = np.empty(len(names), dtype=np.int64)
        rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return chosen[np.lexsort((rows.ns[chosen], rank[rows.series[chosen]]))]
    stamps = rows.ns[chosen]
    return chosen if (stamps[1:] > stamps[:-1]).all() else chosen[np.argsort(stamps, kind="stable")]


def _drop_duplicates(rows: _Rows, order: NDArray[np.int64]) -> NDArray[np.int64]:
    again = np.zeros(len(order), dtype=bool)
    stamps, series = rows.ns[order], rows.series[order]
    again[1:] = (stamps[1:] == stamps[:-1]) & (series[1:] == series[:-1])
    rows.fault[order[again]] = Fault.DUPLICATE
    return order[~again]


def _arrange(intake: Intake, rows: _Rows, order: NDArray[np.int64]) -> tuple[list[pd.DataFrame], NDArray[np.bool_]]:
    """Puts each column in order and empties what hangs: the cells emptied, and which rows are left without a value."""
    series, judged = rows.series[order], judged_columns(intake.dataset)
    found, emptied = [], np.ones(len(order), dtype=bool)
    for name, column in table_columns(intake.dataset).items():
        values = intake.values.take(name)[order]
        stuck = np.flatnonzero(stuck_cells(values, series, column.stuck)) if column.stuck is not None else ()
        if len(stuck):
            reason = f"stuck: the same for more than {column.stuck} readings"
            texts = values[stuck].astype(str)
            found.append(pd.DataFrame({"position": order[stuck], "column": name, "value": texts, "reason": reason}))
            values[stuck] = np.nan
        if name in judged:
            emptied &= np.isnan(values)
        intake.values.add(name, values)
    return found, emptied


def _judged(intake: Intake, rows: _Rows, cells: pd.DataFrame, kept: KeptRows) -> CleanReadings:
    cells_of_kept = cells[rows.fault[cells["position"].to_numpy(dtype=np.int64)] == Fault.NONE]
    # Frames of nothing cost as much time as all else of a short table.
    parts = [_faulty_rows(intake, rows, cells)]
    if intake.torn:
        parts.append(_torn(intake))
    if len(cells_of_kept):
        parts.append(_placed(intake, rows, cells_of_kept))
    rows_in, rows_kept = intake.rows + len(intake.torn), int(kept.kept.sum())
    return CleanReadings(
        kept=kept,
        quarantine=join_quarantine(parts),
        rows_in=rows_in,
        rows_kept=rows_kept,
        rows_quarantined=rows_in - rows_kept,
        cells_quarantined=len(cells_of_kept),
    )


def _placed(intake: Intake, rows: _Rows, cells: pd.DataFrame) -> pd.DataFrame:
    position = cells["position"].to_numpy(dtype=np.int64)
    return cells.assign(source=_source_names(intake)[rows.source[position]], row=rows.row[position], kind="cell")


def _source_names(intake: Intake) -> NDArray[np.object_]:
    return np.array(intake.sources, dtype=object)


def _faulty_rows(intake: Intake, rows: _Rows, cells: pd.DataFrame) -> pd.DataFrame:
    faulty = np.flatnonzero(rows.fault != Fault.NONE)
    if not len(faulty):
        return _no_cells()
    fault = rows.fault[faulty]
    shown = np.where(fault == Fault.NO_SERIES, NO_TIME, rows.ns[faulty]).view("datetime64[ns]")
    frame = pd.DataFrame(
        {
            "position": faulty,
            "source": _source_names(intake)[rows.source[faulty]],
            "row": rows.row[faulty],
            "kind": "row",
            "column": np.where(fault == Fault.NO_SERIES, str(intake.dataset.series), intake.dataset.time),
            "value": pd.Series(shown).dt.strftime("%Y-%m-%d %H:%M:%S").fillna(""),
            "reason": pd.Series(fault).map(REASONS),
        }
    )
    unread = np.flatnonzero(fault == Fault.UNREADABLE_TIME)
    frame.loc[unread, "value"] = [intake.unreadable[position] for position in faulty[unread].tolist()]
    return _explain_empty(frame, fault == Fault.NO_VALUE, cells)


def _explain_empty(frame: pd.DataFrame, empty: NDArray[np.bool_], cells: pd.DataFrame) -> pd.DataFrame:
    """A row without a usable value shows what its cells held, if anything."""
    frame.loc[empty, ["column", "value"]] = ""
    of_rows = cells[cells["position"].isin(frame["position"][empty])]
    if of_rows.empty:
        return frame
    held = of_rows.assign(why=of_rows["column"] + " " + of_rows["reason"]).groupby("position")
    joined = held.agg({"column": ", ".join, "value": ", ".join, "why": "; ".join})
    at = frame.index[frame["position"].isin(joined.index)]
    joined = joined.loc[frame.loc[at, "position"]]
    frame.loc[at, "column"], frame.loc[at, "value"] = joined["column"].to_numpy(), joined["value"].to_numpy()
    frame.loc[at, "reason"] = REASONS[Fault.NO_VALUE] + " (" + joined["why"].to_numpy() + ")"
    return frame


def _torn(intake: Intake) -> pd.DataFrame:
    frame = pd.DataFrame(intake.torn, columns=["source", "row", "value", "reason"])
    return frame.assign(kind="row", column="")
