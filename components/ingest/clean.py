"""Raw tables become readings: sorted, each stamp once, with what can't be used set aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.schema import Dataset, Melt
from components.ingest.intake import NO_SERIES, Intake, table_columns
from components.ingest.quarantine import REASONS, Fault, join_quarantine
from components.ingest.raw_table import RawTable
from components.ingest.stuck import stuck_cells
from components.ingest.wall_clock import NO_TIME, localize


@dataclass(frozen=True)
class CleanReadings:
    """Readings that can be used, and what was set aside.

    A row of the source is either kept or quarantined. With a melted table, too, the rows are those of the source:
    one is kept where any of its melted columns has a usable value.

    Attributes:
        readings: `series`, `time` (UTC), then a float64 column for each of the dataset's, by series and time;
            NaN where there is no usable reading.
        quarantine: `source`, `row` (1-based), `kind` (row or cell), `column`, `value`, `reason`; cells of
            quarantined rows are not listed apart.
        rows_in: rows of the sources.
        rows_kept: those of them in `readings`.
        rows_quarantined: the others.
        cells_quarantined: cells emptied in rows that are kept.
    """

    readings: pd.DataFrame
    quarantine: pd.DataFrame
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    cells_quarantined: int


@dataclass
class _Rows:
    """All rows in the order of the sources; see Pieces for the first five."""

    source: NDArray[np.int64]
    row: NDArray[np.int64]
    ns: NDArray[np.int64]
    zoned: NDArray[np.bool_]
    series: NDArray[np.int64]
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
    for table in tables:
        intake.add(table)
    return finish(intake)


def finish(intake: Intake) -> CleanReadings:
    """Judges the rows taken in against each other: order, duplicates, stuck sensors, rows without a value."""
    dataset = intake.dataset
    columns = table_columns(dataset)
    rows = _join(intake)
    values = {name: _concat(intake.values.pop(name, []), np.float64) for name in columns}
    cells = pd.concat(intake.cells, ignore_index=True) if intake.cells else _no_cells()
    _localize(rows, dataset.timezone)
    judged = [values[name] for name in _judged(dataset)]
    empty = _without_value(judged, len(rows.row))
    rows.fault[(rows.fault == Fault.NONE) & empty] = Fault.NO_VALUE
    order = _by_series_and_time(rows, intake)
    order = _drop_duplicates(rows, order)
    stuck = _empty_stuck(dataset, values, rows, order)
    cells = pd.concat([cells, *stuck], ignore_index=True) if stuck else cells
    emptied = _without_value(judged, len(rows.row)) & (rows.fault == Fault.NONE)
    rows.fault[emptied] = Fault.NO_VALUE
    order = order[rows.fault[order] == Fault.NONE]
    return _result(intake, rows, values, cells, order)


def _concat(parts: list[NDArray], dtype: type) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate(parts) if parts else np.array([], dtype=dtype)


def _no_cells() -> pd.DataFrame:
    texts = np.array([], dtype=object)
    return pd.DataFrame({"position": np.array([], dtype=np.int64), "column": texts, "value": texts, "reason": texts})


def _join(intake: Intake) -> _Rows:
    types = {"zoned": np.bool_}
    parts = {
        item.name: _concat(getattr(intake.pieces, item.name), types.get(item.name, np.int64))
        for item in fields(intake.pieces)
    }
    rows = _Rows(**parts, fault=np.zeros(intake.rows, dtype=np.int8))
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
    rows.fault[local[instants.skipped]] = Fault.SKIPPED_HOUR
    rows.ns[local[~instants.skipped]] = instants.utc[~instants.skipped]


def _in_source_order(rows: _Rows, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    source, row = rows.source[chosen], rows.row[chosen]
    ahead = (source[1:] > source[:-1]) | ((source[1:] == source[:-1]) & (row[1:] > row[:-1]))
    return chosen if ahead.all() else chosen[np.lexsort((row, source))]


def _judged(dataset: Dataset) -> list[str]:
    """Columns of which a kept row has at least one value."""
    return list(dataset.series.melt if isinstance(dataset.series, Melt) else dataset.columns)


def _without_value(columns: list[NDArray[np.float64]], count: int) -> NDArray[np.bool_]:
    empty = np.ones(count, dtype=bool)
    for column in columns:
        empty &= np.isnan(column)
    return empty


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


def _empty_stuck(
    dataset: Dataset, values: dict[str, NDArray[np.float64]], rows: _Rows, order: NDArray[np.int64]
) -> list[pd.DataFrame]:
    found = []
    for name, column in table_columns(dataset).items():
        if column.stuck is None:
            continue
        stuck = order[stuck_cells(values[name][order], rows.series[order], column.stuck)]
        if not len(stuck):
            continue
        reason = f"stuck: the same for more than {column.stuck} readings"
        texts = values[name][stuck].astype(str)
        found.append(pd.DataFrame({"position": stuck, "column": name, "value": texts, "reason": reason}))
        values[name][stuck] = np.nan
    return found


def _result(
    intake: Intake, rows: _Rows, values: dict[str, NDArray[np.float64]], cells: pd.DataFrame, order: NDArray[np.int64]
) -> CleanReadings:
    cells_of_kept = cells[rows.fault[cells["position"].to_numpy(dtype=np.int64)] == Fault.NONE]
    # Frames of nothing cost as much time as all else of a short table.
    parts = [_faulty_rows(intake, rows, cells)]
    if intake.torn:
        parts.append(_torn(intake))
    if len(cells_of_kept):
        parts.append(_placed(intake, rows, cells_of_kept))
    rows_in = intake.rows + len(intake.torn)
    return CleanReadings(
        readings=_readings(intake, rows, values, order),
        quarantine=join_quarantine(parts),
        rows_in=rows_in,
        rows_kept=len(order),
        rows_quarantined=rows_in - len(order),
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


def _readings(
    intake: Intake, rows: _Rows, values: dict[str, NDArray[np.float64]], order: NDArray[np.int64]
) -> pd.DataFrame:
    dataset = intake.dataset
    time = pd.DatetimeIndex(rows.ns[order].view("datetime64[ns]")).tz_localize("UTC")
    if isinstance(dataset.series, Melt):
        return _melted(dataset, dataset.series, time, {name: column[order] for name, column in values.items()})
    names = np.array(list(intake.names), dtype=object) if intake.names else np.array([dataset.name], dtype=object)
    columns = {name: values.pop(name)[order] for name in dataset.columns}
    return pd.DataFrame({"series": names[rows.series[order]], "time": time, **columns}, copy=False)


def _melted(
    dataset: Dataset, melt: Melt, time: pd.DatetimeIndex, values: dict[str, NDArray[np.float64]]
) -> pd.DataFrame:
    parts = []
    for name in sorted(melt.melt):
        part = pd.DataFrame({"series": np.full(len(time), name, dtype=object), "time": time})
        for column in dataset.columns:
            part[column] = values[name if column == melt.into else column]
        parts.append(part[part[melt.into].notna()])
    return pd.concat(parts, ignore_index=True)
