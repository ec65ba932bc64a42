"""KServe's time-series data plane over the Forecaster, and its routes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import fastapi
import pandas as pd
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from components.dataset.schema import Dataset
from serving.forecast_api.answers import Outcome, check_options, response_of
from serving.forecast_api.messages import ForecastInput, Request, error_response
from serving.forecast_api.readings import readings_of
from serving.forecasts import Refusal
from serving.kserve_sdk import ForecastResponse, TimeSeriesDataPlane, TimeSeriesEndpoints
from serving.server.errors import NotServedError, RequestError
from serving.server.model import StoreDataPlane, served
from serving.transformer.forecaster import Forecasted, Forecaster, ReadingsQuestion, UnusableReadings


class ForecastPlane(TimeSeriesDataPlane):  # type: ignore[misc]  # KServe carries no types
    """Answers KServe's forecast requests for every model that is served.

    KServe's `maybe_register_time_series_endpoints` looks for models whose class is *named* HuggingFaceTimeSeriesModel,
    and its data plane answers 501 for others. The data plane and the endpoints that it would register are public,
    so ours is a data plane of its own behind the same endpoints; no class has to bear a foreign name.
    """

    def __init__(self, plane: StoreDataPlane, forecaster: Forecaster, clock: Callable[[], float] = time.time) -> None:
        super().__init__(plane.model_registry)
        self._plane = plane
        self._forecaster = forecaster
        self._clock = clock

    async def forecast(
        self,
        request_body: Request,
        raw_request: fastapi.Request,
        headers: Mapping[str, str],
        response: fastapi.Response,
    ) -> ForecastResponse:
        """The forecasts for each input.

        Raises:
            NotServedError: there is no such model.
            RequestError: the request, or all of its readings, can't be used.
        """
        backend = served(self._plane, request_body.model)
        dataset = backend.folder.dataset
        check_options(request_body.options, dataset)
        tables = [
            readings_of(given, dataset, f"inputs[{index}]", self._clock)
            for index, given in enumerate(request_body.inputs)
        ]
        ask = self._ask_panel if dataset.series_column is not None else self._ask_each
        version, outcomes = await ask(request_body, tables, dataset, backend.version, headers)
        if not any(outcome.forecast for outcome in outcomes):
            raise UnusableReadings([outcome.refused for outcome in outcomes if outcome.refused])
        response.headers["x-model-version"] = str(version)
        return response_of(request_body, dataset, version, outcomes, self._clock())

    async def models(self) -> Sequence[Any]:
        """The models that forecast: all."""
        return [self._plane.model_registry.get_model(name) for name in sorted(self._plane.model_registry.get_models())]

    async def _ask_panel(
        self, asked: Request, tables: list[pd.DataFrame], dataset: Dataset, version: int, headers: Mapping[str, str]
    ) -> tuple[int, list[Outcome]]:
        names = [given.name for given in asked.inputs]
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise RequestError(f"inputs: the series {doubled!r} is given twice; give each once")
        question = ReadingsQuestion(asked.model, pd.concat(tables, ignore_index=True), version=str(version))
        forecasted = await self._forecaster.forecast(question, headers)
        return forecasted.forecasts.version, [_outcome(given, forecasted) for given in asked.inputs]

    async def _ask_each(
        self, asked: Request, tables: list[pd.DataFrame], dataset: Dataset, version: int, headers: Mapping[str, str]
    ) -> tuple[int, list[Outcome]]:
        questions = [ReadingsQuestion(asked.model, table, version=str(version)) for table in tables]
        answers = await asyncio.gather(*(self._ask_one(question, headers) for question in questions))
        pairs = zip(asked.inputs, answers, strict=True)
        outcomes = [
            Outcome(given, refused=answer)
            if isinstance(answer, Refusal)
            else Outcome(given, answer.forecasts.forecasts[0])
            for given, answer in pairs
        ]
        return version, outcomes

    async def _ask_one(self, question: ReadingsQuestion, headers: Mapping[str, str]) -> Forecasted | Refusal:
        try:
            return await self._forecaster.forecast(question, headers)
        except UnusableReadings as error:
            return error.refused[0]


class _Endpoints(TimeSeriesEndpoints):  # type: ignore[misc]
    async def forecast(self, request_body: Request, raw_request: fastapi.Request, response: fastapi.Response) -> Any:
        return await super().forecast(request_body, raw_request, response)


class _KserveErrors(APIRoute):
    def get_route_handler(self) -> Callable[..., Any]:
        handle = super().get_route_handler()

        async def answer(request: fastapi.Request) -> fastapi.Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"][1:])) or "body"
                return error_response(HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}", "BadRequestError", where)
            except UnusableReadings as error:
                return error_response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "UnusableReadings")
            except NotServedError as error:
                return error_response(HTTPStatus.NOT_FOUND, str(error), "NotFoundError", "model")
            except RequestError as error:
                return error_response(HTTPStatus.BAD_REQUEST, str(error), "BadRequestError")

        return answer


def add_forecast_api(app: FastAPI, plane: StoreDataPlane, forecaster: Forecaster) -> None:
    """Adds /v1/timeseries/forecast and /v1/timeseries/models."""
    endpoints = _Endpoints(ForecastPlane(plane, forecaster))
    router = APIRouter(route_class=_KserveErrors)
    router.add_api_route(
        "/v1/timeseries/forecast", endpoints.forecast, methods=["POST"], response_model_exclude_none=True
    )
    router.add_api_route("/v1/timeseries/models", endpoints.models, methods=["GET"])
    app.include_router(router)


def _alone(given: ForecastInput, answer: Forecasted | Refusal) -> Outcome:
    if isinstance(answer, Refusal):
        return Outcome(given, refused=answer)
    return Outcome(given, answer.forecasts.forecasts[0])


def _outcome(given: ForecastInput, forecasted: Forecasted) -> Outcome:
    found = forecasted.forecasts
    forecast = next((one for one in found.forecasts if one.series == given.name), None)
    refused = next((one for one in found.refused if one.series == given.name), None)
    return Outcome(given, forecast, None if forecast else refused)
