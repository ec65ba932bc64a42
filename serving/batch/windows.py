"""From readings to the newest window of each series, by the code that makes training windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.dataset.schema import Dataset, Melt, Query
from components.errors import InputError
from components.ingest.clean import CleanReadings, finish
from components.ingest.intake import Intake, wanted_columns
from components.ingest.read import EXTENSIONS, is_database, read_tables
from components.preprocess.last_window import LastWindow, cut_last_windows
from serving.batch.model import BatchModel
from serving.batch.request import BatchRequest
from serving.forecasts import Refusal

_BESIDE = "readings"


@dataclass(frozen=True)
class NewestWindows:
    """The newest window of every series, or why it has none.

    Attributes:
        dataset: with `--series`, the model's with that column.
        windows: by name of series.
        refused: the other series.
        readings_in: rows of readings.
        readings_quarantined: of them, rows that can't be used.
    """

    dataset: Dataset
    windows: tuple[LastWindow, ...]
    refused: tuple[Refusal, ...]
    readings_in: int
    readings_quarantined: int


def newest_windows(model: BatchModel, request: BatchRequest) -> NewestWindows:
    """Reads the readings and cuts the windows.

    Raises:
        InputError: the readings can't be read, or hold no rows.
    """
    dataset = with_series(model.dataset, request.series)
    intake = Intake(dataset)
    for table in read_tables(readings_location(request), wanted_columns(dataset)):
        intake.add(table)
    cleaned = finish(intake)
    if not cleaned.rows_in:
        where = request.readings or str(readings_location(request))
        raise InputError(where.split("@")[-1], "it holds no rows", "give readings of the last hours")
    windows, refused = _cut(dataset, cleaned)
    if not request.new_series:
        windows, unknown = _known(windows, model.series)
        refused += unknown
    refused += _unread(_names(dataset, intake), windows, refused)
    refused = tuple(sorted(refused, key=lambda refusal: refusal.series))
    return NewestWindows(dataset, windows, refused, cleaned.rows_in, cleaned.rows_quarantined)


def with_series(dataset: Dataset, column: str) -> Dataset:
    """The dataset of one series, for readings of many that a column names.

    Raises:
        InputError: the dataset has many series already, or uses the column for something else.
    """
    if not column or column == dataset.series:
        return dataset
    where = f"--series {column}"
    if dataset.is_panel:
        raise InputError(where, "the model's dataset says itself what its series are", "leave --series out")
    if column in dataset.columns or column == dataset.time:
        raise InputError(where, f"{column} is a column of the dataset", "name the column that says which series")
    return dataset.model_copy(update={"series": column})


def readings_location(request: BatchRequest) -> str | Query:
    """Where the readings are: as asked for, else `readings` beside the store, a folder or a file.

    Raises:
        InputError: a database without a query, a query without a database, or nothing beside the store.
    """
    if request.readings and is_database(request.readings):
        if not request.query:
            fix = "give the query with --query 'select ... where time > ...'"
            raise InputError(request.readings.split("@")[-1], "a database needs a query as well", fix)
        return Query(url=request.readings, query=request.query)
    if request.query:
        raise InputError("--query", "the readings are no database", "give its URL, such as sqlite:///readings.db")
    return request.readings or str(_beside(request.store))


def _beside(store: Path | None) -> Path:
    if store is None:
        raise InputError("READINGS", "no readings are named", "give a file, a folder or a database URL")
    folder = store.resolve().parent
    found = [path for path in (folder / f"{_BESIDE}{end}" for end in ("", *EXTENSIONS)) if path.exists()]
    if len(found) == 1:
        return found[0]
    problem = f"there are several: {', '.join(path.name for path in found)}" if found else "there are none"
    raise InputError(f"readings beside {store}", problem, "name the readings: a file, a folder or a database URL")


def _cut(dataset: Dataset, cleaned: CleanReadings) -> tuple[tuple[LastWindow, ...], tuple[Refusal, ...]]:
    if not cleaned.rows_kept:
        return (), ()
    cut = cut_last_windows(dataset, cleaned.readings)
    told = zip(cut.refused_series, cut.refused, strict=True)
    return cut.windows, tuple(Refusal(name, error.problem, error.fix) for name, error in told)


def _known(
    windows: tuple[LastWindow, ...], known: frozenset[str]
) -> tuple[tuple[LastWindow, ...], tuple[Refusal, ...]]:
    if not known:
        return windows, ()
    problem, fix = "the model was not trained on this series", "allow it with --new-series, or train on it"
    strange = tuple(Refusal(window.series, problem, fix) for window in windows if window.series not in known)
    return tuple(window for window in windows if window.series in known), strange


def _names(dataset: Dataset, intake: Intake) -> set[str]:
    """Series that the readings name."""
    if isinstance(dataset.series, Melt):
        return set(dataset.series.melt)
    return set(intake.names) if dataset.series_column else {dataset.name}


def _unread(names: set[str], windows: tuple[LastWindow, ...], refused: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    """Series of which no row can be used."""
    told = {window.series for window in windows} | {refusal.series for refusal in refused}
    problem = "none of its rows can be used"
    fix = "check its times, its limits and its numbers against the dataset file"
    return tuple(Refusal(name, problem, fix) for name in names - told)
