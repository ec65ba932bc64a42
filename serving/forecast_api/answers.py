"""Forecasts in the words of KServe's time-series API."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from components.dataset.schema import Dataset
from serving.forecast_api.messages import ForecastInput, Options, Request, plain
from serving.forecasts import Refusal, Row, SeriesForecast
from serving.kserve_sdk import (
    Error,
    ForecastOutput,
    ForecastResponse,
    Status,
    TimeSeriesForecast,
    TimeSeriesType,
)
from serving.server.errors import RequestError

_SAME = 1e-9


@dataclass(frozen=True)
class Outcome:
    """What came of one input: a forecast, or why there is none.

    Attributes:
        given: the input.
        forecast: its forecast.
        refused: why it has none.
    """

    given: ForecastInput
    forecast: SeriesForecast | None = None
    refused: Refusal | None = None


def check_options(options: Options, dataset: Dataset) -> None:
    """Raises RequestError unless 1 to `horizon` are among the dataset's horizons, and `quantiles` its band's ends."""
    reach = reachable(dataset)
    if not 1 <= options.horizon <= reach:
        shown = ", ".join(map(str, dataset.horizons[:12])) + (", ..." if len(dataset.horizons) > 12 else "")
        available = f"at most {reach}" if reach else "none, since a forecast for every step from 1 on is due"
        raise RequestError(
            f"options.horizon: the model forecasts {shown} steps ahead; available here: {available}; "
            f"got {options.horizon}"
        )
    for quantile in options.quantiles or ():
        if all(abs(quantile - own) > _SAME for own in dataset.quantiles):
            listed = " and ".join(f"{own:.6g}" for own in dataset.quantiles)
            raise RequestError(f"options.quantiles: the model has {listed}, got {plain(quantile)}")


def reachable(dataset: Dataset) -> int:
    """The longest h such that 1 to h are all among the horizons; 0 where 1 isn't."""
    return next(step for step in range(len(dataset.horizons) + 1) if step + 1 not in dataset.horizons)


def response_of(
    asked: Request, dataset: Dataset, version: int, outcomes: Sequence[Outcome], now: float
) -> ForecastResponse:
    """The answer to a request: an output for each input, in its order, and the version as `model_version`."""
    outputs = [_output(asked.options, dataset, outcome) for outcome in outcomes]
    whole = all(outcome.forecast for outcome in outcomes)
    return ForecastResponse(
        id=str(uuid.uuid4()),
        created_at=int(now),
        status=Status.COMPLETED if whole else Status.PARTIAL,
        model=asked.model,
        outputs=outputs,
        model_version=str(version),
    )


def _output(options: Options, dataset: Dataset, outcome: Outcome) -> ForecastOutput:
    error, content = None, []
    if outcome.forecast is None:
        error = Error(message=str(outcome.refused), type="UnusableReadings", param=outcome.given.name, code="422")
    else:
        content = [_content(options, dataset, outcome.given, outcome.forecast)]
    return ForecastOutput(
        type="time_series_forecast",
        id=str(uuid.uuid4()),
        status=Status.ERROR if error else Status.COMPLETED,
        content=content,
        error=error,
    )


def _content(options: Options, dataset: Dataset, given: ForecastInput, forecast: SeriesForecast) -> TimeSeriesForecast:
    rows = forecast.rows[: options.horizon]
    ends = dict(zip(dataset.quantiles, ("lower", "upper"), strict=True))
    quantiles = {
        str(quantile): [getattr(row, name) for row in rows]
        for quantile in options.quantiles or ()
        for own, name in ends.items()
        if abs(quantile - own) <= _SAME
    }
    extra = {"frequency_multiple": given.frequency_multiple} if given.frequency_multiple > 1 else {}
    return TimeSeriesForecast(
        # One column is forecast, whatever the columns read.
        type=TimeSeriesType.UNIVARIATE,
        name=given.name,
        mean_forecast=[row.forecast for row in rows],
        frequency=given.frequency,
        start_timestamp=rows[0].time,
        quantiles=quantiles or None,
        target=dataset.target,
        unit=dataset.columns[dataset.target].unit,
        times=[row.time for row in rows],
        origin=forecast.origin,
        spike_probability=forecast.spike_probability,
        **extra,
        **(_members(rows) if options.members else {}),
    )


def _members(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    names = tuple(rows[0].members)
    return {
        "members": {name: [row.members[name] for row in rows] for name in names},
        "weights": {name: [row.weights[name] for row in rows] for name in names},
    }
