"""The preprocess step: readings in, a series on its grid out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from components.dataset.schema import Dataset
from components.journal import Journal
from components.preprocess.gaps import gaps_of
from components.preprocess.generations import Generation, check_generations
from components.preprocess.on_grid import GridTable, lay_on_grid
from components.preprocess.readings import Readings, readings_from_parquet
from components.preprocess.rises import spike_rise_of
from components.preprocess.scaler import fit_scaler
from components.preprocess.series import Series, Span
from components.preprocess.shortage import PARTS, count_windows
from components.preprocess.split import split_generations, split_spans
from components.preprocess.storage import digest_of, save_series


@dataclass(frozen=True)
class PrepareRequest:
    """What to prepare.

    Attributes:
        dataset: what the columns are.
        readings: Parquet file of the ingest step, sorted by series and time.
        out: folder for the series.
        generations: parts of the readings that a model was trained on before; none to split all of them afresh.
    """

    dataset: Dataset
    readings: Path
    out: Path
    generations: tuple[Generation, ...] = ()


@dataclass(frozen=True)
class PrepareSummary:
    """What came of it.

    Attributes:
        rows_grid: rows of all series on their grids.
        rows_usable: rows in which every column has a value.
        series: number of series.
        windows_train: windows of the training part.
        windows_validation: windows of the validation part.
        windows_test: windows of the test part.
        gaps: runs of rows that no window may cross.
        longest_gap: rows of the longest.
        spike_rise: rise of the target that makes a spike, in its unit.
        spike_within: steps within which it must rise.
    """

    rows_grid: int
    rows_usable: int
    series: int
    windows_train: int
    windows_validation: int
    windows_test: int
    gaps: int
    longest_gap: int
    spike_rise: float
    spike_within: int


def prepare_series(request: PrepareRequest, journal: Journal) -> PrepareSummary:
    """Lays readings on the grid, splits them by time, fits the scaler on training rows and writes the series.

    Raises:
        InputError: if a column is missing or a part has no window.
    """
    readings = readings_from_parquet(request.dataset, request.readings)
    journal.progress(1, 4, f"{readings.borders[-1]:,} readings")
    series = series_of(request.dataset, readings, request.generations)
    journal.progress(3, 4, f"{len(series.values):,} rows on the grid")
    summary = _summary(request.dataset, series)
    save_series(series, request.out)
    journal.progress(4, 4, f"{summary.windows_train:,} training windows")
    return summary


def series_of(dataset: Dataset, readings: Readings, generations: tuple[Generation, ...] = ()) -> Series:
    """The series of readings, in memory; its scaler and spike threshold come from training rows alone."""
    table = lay_on_grid(dataset, readings)
    spans = split_generations(dataset, table, generations) if generations else split_spans(dataset, table)
    series = _with_training_facts(dataset, table, spans)
    if generations:
        check_generations(dataset, series, generations[-1].until)
    return dataclasses.replace(series, digest=digest_of(series))


def _with_training_facts(dataset: Dataset, table: GridTable, spans: tuple[Span, ...]) -> Series:
    within = dataset.spike.within if dataset.spike else max(dataset.horizons)
    series = Series(
        values=table.values,
        stamps=table.stamps,
        observed=table.observed,
        usable=table.usable,
        inputs=dataset.inputs,
        target=dataset.target_index,
        spans=spans,
        scaler=fit_scaler(table.values, table.usable, spans),
        spike_rise=dataset.spike.rise if dataset.spike else 0.0,
        spike_within=within,
        step_seconds=dataset.step_seconds,
        season=table.season,
        known=tuple(dataset.inputs.index(name) for name in dataset.known),
    )
    return series if dataset.spike else dataclasses.replace(series, spike_rise=spike_rise_of(series, within))


def _summary(dataset: Dataset, series: Series) -> PrepareSummary:
    windows = count_windows(dataset, series)
    gaps = [gaps_of(series, part) for part in PARTS]
    return PrepareSummary(
        rows_grid=len(series.values),
        rows_usable=int(series.usable.sum()),
        series=len({span.name for span in series.spans}),
        windows_train=windows["train"],
        windows_validation=windows["validation"],
        windows_test=windows["test"],
        gaps=sum(own.count for own in gaps),
        longest_gap=max(own.longest.rows if own.longest else 0 for own in gaps),
        spike_rise=series.spike_rise,
        spike_within=series.spike_within,
    )
