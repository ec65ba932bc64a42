"""The ensemble step: from the members' folders to a candidate version and its forecasts of the test part."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.ensemble.calibrate import bands_of_test, fit_on_validation
from components.ensemble.card import CARD_FILE, Origin, model_card, published, series_names
from components.ensemble.export import WARMUP_BATCHES, export_saved_model, write_warmup
from components.ensemble.forecasts import TestPart, write_forecasts
from components.ensemble.members import Members, load_members
from components.ensemble.servable import build_head, build_servable
from components.errors import InputError
from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.storage import load_series
from components.preprocess.windows import gather_future, gather_windows, origins

DATASET_FILE = "dataset.yaml"


@dataclass(frozen=True)
class EnsembleRequest:
    """What the step is asked to do.

    Attributes:
        dataset: the dataset file.
        series: folder of the prepared series.
        members: folder of each trained member.
        seed: of the gating network.
        revision: digest of the code, for the model card.
        candidate: folder to write the version to.
        forecasts: Parquet file to write the test part's forecasts to.
        clock: seconds since the epoch.
    """

    dataset: Dataset
    series: Path
    members: tuple[Path, ...]
    seed: int
    revision: str
    candidate: Path
    forecasts: Path
    clock: Callable[[], float] = time.time


@dataclass(frozen=True)
class EnsembleSummary:
    """What came of it.

    Attributes:
        kind: the kind of weights that was kept.
        candidates: held-back RMSE of each kind, the target's unit.
        relative: held-back RMSE of each kind over that of persistence, mean over horizons.
        members: names, in the servable's order.
        weights: mean weight of each member over validation and horizons.
        coverage: share of validation inside the band, mean over horizons.
        parameters: of the whole servable.
        test_rows: rows of the forecasts file.
        seconds: the step took.
    """

    kind: str
    candidates: Mapping[str, float]
    relative: Mapping[str, float]
    members: tuple[str, ...]
    weights: tuple[float, ...]
    coverage: float
    parameters: int
    test_rows: int
    seconds: float


def fit_ensemble(request: EnsembleRequest, journal: Journal) -> EnsembleSummary:
    """Fits weights, band and spikes on validation, exports the servable, and writes the test part's forecasts.

    Raises:
        InputError: the members don't fit the series, or the validation or test part holds no window.
    """
    started = request.clock()
    dataset, series = request.dataset, load_series(request.series)
    members = _load(request, series)
    for note in members.notes:
        journal.note(note)
    journal.progress(0, 3, "weights")
    fitted, calibration = fit_on_validation(dataset, series, members, request.seed)
    journal.progress(1, 3, f"{fitted.weighting.kind} weights; writing the servable")
    bands = bands_of_test(dataset, series, members, fitted, calibration)
    fitted = replace(fitted, widths=bands.last)
    head = build_head(dataset, members, fitted)
    parameters = _write_servable(request, series, members, head)
    names = series_names(dataset, series)
    origin = Origin(_stamp(started), request.revision, series.digest, request.seed, names)
    card = model_card(dataset, members, fitted, calibration, origin, parameters)
    (request.candidate / CARD_FILE).write_text(json.dumps(card, indent=1, allow_nan=False))
    journal.progress(2, 3, "forecasts of the test part")
    rows = write_forecasts(head, TestPart(dataset, series, members, fitted, bands), request.forecasts)
    journal.progress(3, 3)
    return EnsembleSummary(
        kind=fitted.weighting.kind,
        candidates=card["ensemble"]["candidates"],
        relative=card["ensemble"]["candidates_relative"],
        members=members.names,
        weights=tuple(float(value) for value in np.mean(card["ensemble"]["weights"], axis=1)),
        coverage=float(np.nanmean(calibration.coverage)),
        parameters=parameters,
        test_rows=rows,
        seconds=request.clock() - started,
    )


def _load(request: EnsembleRequest, series: Series) -> Members:
    dataset = request.dataset
    validation = origins(series, "validation", dataset.window, dataset.horizons)
    test = origins(series, "test", dataset.window, dataset.horizons)
    for name, found in (("validation", validation), ("test", test)):
        if not len(found):
            raise InputError(
                f"{dataset.name}: {name} part",
                f"holds no window of {dataset.window} rows with {max(dataset.horizons)} steps after it",
                "give more readings, a shorter window or horizon, or a larger share in `split`",
            )
    return load_members(request.members, validation, test)


def _write_servable(request: EnsembleRequest, series: Series, members: Members, head: Any) -> int:
    """Writes all of the version but its card; its parameters."""
    folder = request.candidate
    folder.mkdir(parents=True, exist_ok=True)
    servable = build_servable(request.dataset, members, head)
    export_saved_model(servable, folder)
    write_warmup(folder, request.dataset.name, sample_inputs(request.dataset, series, members.validation.origins))
    (folder / DATASET_FILE).write_text(dump_dataset(published(request.dataset)))
    parameters = int(servable.count_params())
    del servable
    gc.collect()
    return parameters


def sample_inputs(dataset: Dataset, series: Series, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Inputs of the servable for the last of some origins, by name, as many as the largest warm-up request."""
    last = rows[-max(WARMUP_BATCHES) :]
    inputs = {"window": gather_windows(series.values, last, dataset.window)}
    if dataset.known:
        known = [dataset.inputs.index(name) for name in dataset.known]
        inputs["future"] = gather_future(series.values, last, max(dataset.horizons), known)
    return inputs


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
