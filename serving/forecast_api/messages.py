"""Requests of KServe's time-series API, with gaps, and its answers and errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from serving.kserve_sdk import ErrorResponse, ForecastOptions, ForecastRequest, TimeSeriesInput, create_error_response

Reading = float | None


class ForecastInput(TimeSeriesInput):  # type: ignore[misc]  # KServe carries no types
    """KServe's input, whose series may have gaps (`null`).

    Attributes:
        series: readings at each step, oldest first; of a multivariate series [steps][columns].
        frequency_multiple: steps are so many of `frequency`: 5 with `minute` for five minutes.
        columns: names of the columns, where they aren't all columns of the dataset file in its order.
    """

    series: Annotated[list[Reading] | list[list[Reading]], Field(min_length=1)]
    frequency_multiple: Annotated[int, Field(ge=1)] = 1
    columns: list[str] | None = None


class Options(ForecastOptions):  # type: ignore[misc]
    """KServe's options.

    Attributes:
        horizon: 1 to so many steps ahead are wanted.
        quantiles: the ends of the model's band.
        members: whether members' forecasts and weights are wanted too.
    """

    horizon: Annotated[int, Field(ge=1)]
    members: bool = False


class Request(ForecastRequest):  # type: ignore[misc]
    """KServe's request with the inputs and options above."""

    inputs: Annotated[list[ForecastInput], Field(min_length=1)]
    options: Options


def error_response(status: HTTPStatus, text: str, kind: str, param: str = "") -> Response:
    """KServe's error object as a response."""
    error: ErrorResponse = create_error_response(text, kind, param, status)
    return Response(error.model_dump_json(), status_code=status, media_type="application/json")


def plain(value: Any) -> str:
    """A value of a caller, short enough for an error."""
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
