"""The model card: what a version is made of and what it was worth, for people and for the parts that read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from components.dataset.schema import Dataset
from components.ensemble.calibrate import Calibration, mean_weights
from components.ensemble.export import SIGNATURES
from components.ensemble.members import Members
from components.ensemble.servable import Fitted
from components.preprocess.series import Series

CARD_FILE = "model_card.json"
# A card stays a file that a person opens.
MAX_SERIES = 10_000


@dataclass(frozen=True)
class Origin:
    """Where a version comes from.

    Attributes:
        created: ISO 8601, UTC.
        code_version: digest of the code that made it.
        data_digest: digest of the series that it was fitted on.
        seed: of all random choices.
        series: names of a panel's series; none where there is one series, or more than MAX_SERIES.
    """

    created: str
    code_version: str
    data_digest: str
    seed: int
    series: tuple[str, ...] = ()


def series_names(dataset: Dataset, series: Series) -> tuple[str, ...]:
    """Names of a panel's series, for the card; none where there is one series, or more than MAX_SERIES."""
    names = tuple(dict.fromkeys(span.name for span in series.spans))
    return names if dataset.is_panel and len(names) <= MAX_SERIES else ()


def published(dataset: Dataset) -> Dataset:
    """The dataset without its source, which may be a database's URL with a password in it."""
    return dataset.model_copy(update={"source": None})


def model_card(
    dataset: Dataset, members: Members, fitted: Fitted, calibration: Calibration, origin: Origin, parameters: int
) -> Mapping[str, Any]:
    """The card as plain JSON values."""
    card = {
        "name": dataset.name,
        **asdict(origin),
        "dataset": published(dataset).model_dump(mode="json", by_alias=True),
        "inputs": list(dataset.inputs),
        "window": dataset.window,
        "horizons": list(dataset.horizons),
        "members": list(members.names),
        "quantiles": list(dataset.quantiles),
        "parameters": parameters,
        "signatures": list(SIGNATURES),
        "ensemble": _ensemble(members, fitted),
        "calibration": _calibration(dataset, fitted, calibration),
        "spike": {"rise": fitted.rise, "within": fitted.within, **asdict(fitted.spike)},
        "members_detail": list(members.details),
        "metrics": {"validation": _validation_metrics(dataset, fitted, calibration)},
    }
    plain: Mapping[str, Any] = _plain(card)
    return plain


def _ensemble(members: Members, fitted: Fitted) -> dict[str, Any]:
    weighting = fitted.weighting
    return {
        "kind": weighting.kind,
        "candidates": {kind: candidate.rmse for kind, candidate in weighting.candidates.items()},
        "candidates_relative": {kind: candidate.relative for kind, candidate in weighting.candidates.items()},
        "candidates_meaning": (
            "on validation blocks that were held back: RMSE over all horizons; relative: the mean over horizons of"
            " RMSE / RMSE of persistence, which decides"
        ),
        "weights": mean_weights(weighting),
        "gate_epochs": weighting.gate.epochs if weighting.gate else None,
        "spike_member": members.spike_member,
        "notes": list(members.notes),
    }


def _calibration(dataset: Dataset, fitted: Fitted, calibration: Calibration) -> dict[str, Any]:
    return {
        "method": "conformalised quantile regression; widths follow the coverage (quantile tracker)",
        "nominal": dataset.band,
        "factors": fitted.widths.factors,
        "factors_of_validation": calibration.widths.factors,
        "floors": fitted.widths.floors,
        "meaning": (
            "factor x (the members' band + floor) is put on both sides of the band; `factors` are served: those after"
            " a replay of validation and test in which each truth came as late as its horizon"
        ),
        "coverage": calibration.coverage,
        "coverage_uncalibrated": calibration.coverage_raw,
    }


def _validation_metrics(dataset: Dataset, fitted: Fitted, calibration: Calibration) -> dict[str, Any]:
    kept = fitted.weighting.candidates[fitted.weighting.kind]
    by_horizon = zip(dataset.horizons, calibration.rmse, strict=True)
    return {
        "rmse": kept.rmse,
        "relative_rmse": kept.relative,
        "rmse_by_horizon": {str(horizon): value for horizon, value in by_horizon},
    }


def _plain(value: Any) -> Any:
    """JSON values only: arrays become lists, and what is no number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
