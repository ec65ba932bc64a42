"""Raw readings as records in the V1 protocol: JSON to readings, and forecasts to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from components.dataset.schema import Dataset
from components.ingest.intake import wanted_columns
from serving.forecasts import Forecasts, SeriesForecast
from serving.server.arrays import Arrays, may_hold_booleans, parse_json
from serving.server.backend import Backend
from serving.server.errors import RequestError, TooLargeError
from serving.server.v1 import check_signature_name, decode_windows
from serving.transformer.forecaster import ReadingsQuestion, dataset_of
from serving.transformer.parameters import read_parameters
from serving.transformer.readings import MAX_ROWS, SERIES


@dataclass(frozen=True)
class RecordsRequest:
    """A request with raw readings.

    Attributes:
        question: to the forecaster.
        members: whether each member's forecast and weight is wanted.
    """

    question: ReadingsQuestion
    members: bool


def read_v1(body: bytes, backend: Backend) -> Arrays | RecordsRequest:
    """A body with windows as arrays [batch, ...], or one with records as a question.

    Raises:
        RequestError: it is neither.
    """
    document = parse_json(body)
    if _holds_records(document, backend):
        return _records_request(document, backend)
    return decode_windows(document, backend.signature, may_hold_booleans(body))


def encode_forecasts_v1(forecasts: Forecasts, members: bool) -> bytes:
    """`{"predictions": [{"series": ..., "forecast": [...], ...}], "refused": [...], ...}`."""
    document = {
        "predictions": [_prediction(one, forecasts, members) for one in forecasts.forecasts],
        "refused": forecasts.refused,
        "notes": forecasts.notes,
        "model_name": forecasts.model,
        "model_version": str(forecasts.version),
        "target": forecasts.target,
        "unit": forecasts.unit,
        "band": forecasts.band,
    }
    return orjson.dumps(document)


def names_of(dataset: Dataset) -> frozenset[str]:
    """All columns that readings may have."""
    return frozenset((*wanted_columns(dataset), *(() if dataset.is_panel else (SERIES,))))


def _prediction(one: SeriesForecast, forecasts: Forecasts, members: bool) -> Mapping[str, Any]:
    rows = one.rows
    prediction: dict[str, Any] = {
        "series": one.series,
        "origin": one.origin,
        "model_version": str(forecasts.version),
        "last_value": one.last_value,
        "spike_probability": one.spike_probability,
        "horizons": forecasts.horizons,
        "times": [row.time for row in rows],
        "forecast": [row.forecast for row in rows],
        "lower": [row.lower for row in rows],
        "upper": [row.upper for row in rows],
    }
    if members:
        prediction["members"] = {name: [row.members[name] for row in rows] for name in rows[0].members}
        prediction["weights"] = {name: [row.weights[name] for row in rows] for name in rows[0].weights}
    return prediction


def _holds_records(document: Any, backend: Backend) -> bool:
    """Whether the first instance has a column of the dataset as key, and none of the servable's inputs."""
    instances = document.get("instances") if isinstance(document, dict) else None
    first = instances[0] if isinstance(instances, list) and instances else None
    if not isinstance(first, dict) or not first or any(spec.name in first for spec in backend.signature.inputs):
        return False
    return not names_of(dataset_of(backend)).isdisjoint(first)


def _records_request(document: dict[str, Any], backend: Backend) -> RecordsRequest:
    check_signature_name(document.get("signature_name"))
    parameters = read_parameters(document.get("parameters"))
    question = ReadingsQuestion(
        model=backend.name,
        readings=_frame(document["instances"], dataset_of(backend)),
        units=parameters.units,
        max_age_seconds=parameters.max_age_seconds,
    )
    return RecordsRequest(question, parameters.members)


def _frame(records: list[Any], dataset: Dataset) -> pd.DataFrame:
    if len(records) > MAX_ROWS:
        raise TooLargeError(f"expected at most {MAX_ROWS} readings in one request, got {len(records)}: send fewer")
    for index, record in enumerate(records):
        if not isinstance(record, dict):
            raise RequestError(f"expected a record {{{dataset.time!r}: ...}} at instances[{index}], got no object")
    keys = dict.fromkeys(chain.from_iterable(records))
    wanted = names_of(dataset)
    columns = {key: column([record.get(key) for record in records], key) for key in keys if key in wanted}
    # What isn't wanted is named in the notes, never looked at.
    return pd.DataFrame({**columns, **dict.fromkeys((key for key in keys if key not in wanted), np.nan)})


def column(cells: list[Any], name: str) -> pd.Series:
    """The JSON values of a column.

    Raises:
        RequestError: one of them is a list or an object.
    """
    kinds = set(map(type, cells))
    if kinds <= {float, int, type(None)}:
        if kinds == {int}:
            # Seconds since 1970 stay whole.
            return pd.Series(np.array(cells))
        return pd.Series(np.array(cells, dtype=np.float64))
    if kinds & {list, dict}:
        row = next(index for index, cell in enumerate(cells, start=1) if isinstance(cell, list | dict))
        raise RequestError(f"expected a number, a text or null for {name} of reading {row}, got a list or an object")
    if kinds <= {str, type(None)}:
        return _texts(cells)
    return pd.Series(cells, dtype=object)


def _texts(cells: list[Any]) -> pd.Series:
    return pd.Series(pd.array(pa.array(cells, pa.string()), dtype=pd.ArrowDtype(pa.string())))
