"""The champion scored on new readings, for `sluice evaluate`."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset, Split
from components.deploy.store import ModelStore
from components.errors import InputError
from components.ingest.step import IngestRequest, IngestSummary, ingest_readings
from components.journal import Journal
from components.preprocess.readings import readings_from_parquet
from components.preprocess.series import Series
from components.preprocess.step import series_of
from components.preprocess.windows import gather_targets, origins, spike_labels
from components.train.baselines import persistence, seasonal_naive
from components.validate import metrics
from components.validate.champion import DATASET_FILE, incompatible
from components.validate.scores import BASELINE, MEMBER, ModelScore, score

if TYPE_CHECKING:
    from components.validate.saved_model import Answer

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class EvaluateRequest:
    """What to evaluate.

    Attributes:
        dataset: what the readings' columns are.
        data: path, folder or URL of the new readings.
        store: the model store.
    """

    dataset: Dataset
    data: str
    store: ModelStore


@dataclass(frozen=True)
class Evaluation:
    """How good the champion is on these readings; errors in the target's unit.

    Attributes:
        model: name of the model.
        version: the champion's version.
        rows_in: rows read.
        rows_kept: rows that could be used.
        rows_quarantined: rows that could not.
        cells_quarantined: single values that could not.
        rows_grid: rows on the regular grid.
        windows: windows that were forecast.
        first: stamp of the first window's last reading, ISO 8601, UTC.
        last: stamp of the last window's last reading.
        models: scores by model, as in `metrics.json`.
        coverage: share of actuals inside the band.
        coverage_nominal: share that the band was made for.
        spikes: windows that a spike followed.
        average_precision: of the spike probability; None where there are no spikes or nothing else.
    """

    model: str
    version: int
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    cells_quarantined: int
    rows_grid: int
    windows: int
    first: str
    last: str
    models: dict[str, ModelScore]
    coverage: float
    coverage_nominal: float
    spikes: int
    average_precision: float | None


@dataclass(frozen=True)
class _Champion:
    version: int
    folder: Path
    dataset: Dataset
    members: tuple[str, ...]
    spike_rise: float
    spike_within: int


def evaluate_champion(request: EvaluateRequest, journal: Journal) -> Evaluation:
    """Forecasts every window of the readings whose actuals are known, and scores the forecasts.

    The readings are treated as new as a whole: no part of them is set aside.

    Raises:
        InputError: if there is no champion, it doesn't fit the dataset, or the readings hold no whole window.
    """
    champion = _champion(request)
    ingested, series = _prepare(request, champion)
    rows = origins(series, "test", champion.dataset.window, champion.dataset.horizons)
    if len(rows) == 0:
        dataset = champion.dataset
        problem = f"holds no {dataset.window} readings without a gap and {max(dataset.horizons)} steps after them"
        raise InputError(request.data, problem, "give more readings")
    forecasts, probability = _forecast(champion, series, rows, journal)
    scores = score(forecasts, champion.dataset.band)
    labels = spike_labels(series, rows).astype(np.float64)
    detection = metrics.detect(labels, probability)
    return Evaluation(
        model=request.dataset.name,
        version=champion.version,
        rows_in=ingested.rows_in,
        rows_kept=ingested.rows_kept,
        rows_quarantined=ingested.rows_quarantined,
        cells_quarantined=ingested.cells_quarantined,
        rows_grid=len(series.stamps),
        windows=len(rows),
        first=_text(series.stamps[rows].min()),
        last=_text(series.stamps[rows].max()),
        models=scores.models,
        coverage=scores.coverage,
        coverage_nominal=scores.coverage_nominal,
        spikes=int(np.nansum(labels)),
        average_precision=metrics.average_precision(detection) if detection else None,
    )


def _champion(request: EvaluateRequest) -> _Champion:
    name, store = request.dataset.name, request.store
    champion = store.champion(name)
    if champion is None:
        known = ", ".join(store.models()) or "none"
        raise InputError(str(store.root), f"has no champion of model {name!r}", f"models there: {known}")
    folder = store.path(name, champion.version)
    theirs = load_dataset(folder / DATASET_FILE)
    reason = incompatible(request.dataset, theirs)
    if reason:
        raise InputError(f"model {name} version {champion.version}", reason, "evaluate it with its own dataset file")
    card = store.model_card(name, champion.version)
    spike = card["spike"]
    return _Champion(
        champion.version, folder, theirs, tuple(card["members"]), float(spike["rise"]), int(spike["within"])
    )


def _prepare(request: EvaluateRequest, champion: _Champion) -> tuple[IngestSummary, Series]:
    # Any split by fractions uses all rows, and then each span's test part is made the whole span.
    dataset = request.dataset.model_copy(update={"split": Split()})
    with tempfile.TemporaryDirectory(prefix="sluice-evaluate-") as folder:
        readings = Path(folder) / "readings.parquet"
        ingest = IngestRequest(dataset, request.data, readings, Path(folder) / "quarantine.parquet")
        ingested = ingest_readings(ingest, Journal("", "ingest"))
        series = series_of(dataset, readings_from_parquet(dataset, readings))
    spans = tuple(dataclasses.replace(span, validation=span.start, test=span.start) for span in series.spans)
    return ingested, dataclasses.replace(
        series, spans=spans, spike_rise=champion.spike_rise, spike_within=champion.spike_within
    )


def _forecast(
    champion: _Champion, series: Series, rows: Rows, journal: Journal
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The champion's forecasts in the layout of forecasts.parquet, and the spike probability of each window."""
    # TensorFlow takes seconds to import: only once all else is in order.
    from components.validate.saved_model import answers, load_saved_model

    servable = load_saved_model(champion.folder)
    tables: list[pd.DataFrame] = []
    spikes: list[NDArray[np.float32]] = []
    for batch, answer in answers(servable, champion.dataset, series, rows):
        tables.append(_table(champion, series, batch, answer))
        spikes.append(answer["spike_probability"].reshape(-1))
        journal.progress(sum(map(len, spikes)), len(rows), "windows")
    return pd.concat(tables, ignore_index=True), np.concatenate(spikes).astype(np.float64)


def _table(champion: _Champion, series: Series, rows: Rows, answer: Answer) -> pd.DataFrame:
    horizons = champion.dataset.horizons
    actual = gather_targets(series, rows, horizons)
    columns = {
        "actual": actual,
        "forecast": answer["forecast"],
        "lower": answer["lower"],
        "upper": answer["upper"],
        **{f"{MEMBER}{name}": answer["members"][:, index] for index, name in enumerate(champion.members)},
        f"{BASELINE}persistence": persistence(series, rows, horizons),
        f"{BASELINE}seasonal_naive": seasonal_naive(series, rows, horizons),
        "horizon": np.broadcast_to(np.array(horizons, np.int32), actual.shape),
    }
    known = np.isfinite(actual).ravel()
    return pd.DataFrame({name: array.reshape(-1)[known] for name, array in columns.items()})


def _text(stamp: np.datetime64) -> str:
    return f"{np.datetime_as_string(stamp, unit='s')}Z"
