"""The REST routes whose bodies are decoded here, before KServe's own routes for the same paths.

KServe decodes first and answers 500 to ragged windows, wrong shapes and an empty id; it also takes several times as
long for large bodies. Everything else (health, lists, metadata, metrics) is KServe's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from serving.kserve_sdk import InvalidInput
from serving.server.arrays import Arrays
from serving.server.errors import BackendError, NotServedError, RequestError, TooLargeError
from serving.server.model import Question, StoreDataPlane, served
from serving.server.signature import MAX_BODY_BYTES
from serving.server.v1 import encode_v1
from serving.server.v2 import BINARY_HEADER, encode_v2
from serving.transformer.errors import UnusableReadings
from serving.transformer.forecaster import Forecaster
from serving.transformer.v1_csv import CsvBody, is_csv, read_csv
from serving.transformer.v1_records import RecordsRequest, encode_forecasts_v1, read_v1
from serving.transformer.v2_columns import ColumnsRequest, encode_forecasts_v2, read_v2

VERSION_HEADER = "x-model-version"
# Decoding longer bodies takes more than a few milliseconds: in a thread, so that short requests don't wait.
_LONG_BODY_BYTES = 200_000
_Result = TypeVar("_Result")


def add_routes(app: FastAPI, plane: StoreDataPlane, forecaster: Forecaster) -> None:
    """Adds the routes and the error handlers to KServe's application, before KServe adds its own."""
    endpoints = _Endpoints(plane, forecaster)
    router = APIRouter()
    for path in (
        "/v1/models/{name}:predict",
        "/v1/models/{name}/versions/{version}:predict",
        "/v1/models/{name}/labels/{label}:predict",
    ):
        router.add_api_route(path, endpoints.predict, methods=["POST"], response_model=None)
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        router.add_api_route(path, endpoints.infer, methods=["POST"], response_model=None)
    for path in (
        "/v1/models/{name}",
        "/v1/models/{name}/versions/{version}",
        "/v1/models/{name}/labels/{label}",
    ):
        router.add_api_route(path, endpoints.status, methods=["GET"], response_model=None)
    app.include_router(router)
    app.add_exception_handler(RequestError, _bad_request)
    app.add_exception_handler(UnusableReadings, _unusable)
    app.add_exception_handler(InvalidInput, _bad_request)
    app.add_exception_handler(NotServedError, _not_found)
    app.add_exception_handler(BackendError, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)


class _Endpoints:
    def __init__(self, plane: StoreDataPlane, forecaster: Forecaster) -> None:
        self._plane = plane
        self._forecaster = forecaster

    async def predict(self, request: Request, name: str, version: str = "", label: str = "") -> Response:
        backend = served(self._plane, name, version, label)
        body = await _body(request)
        if is_csv(request.headers.get("content-type")):
            posted = CsvBody(body, request.query_params)
            asked: Arrays | RecordsRequest = await _worked(len(body), read_csv, posted, backend)
        else:
            asked = await _worked(len(body), read_v1, body, backend)
        if isinstance(asked, RecordsRequest):
            forecasted = await self._forecaster.answer(backend, asked.question, request.headers)
            told = await _worked(len(body), encode_forecasts_v1, forecasted.forecasts, asked.members)
            return _json(told, {VERSION_HEADER: str(forecasted.forecasts.version)})
        answered = await self._plane.ask(Question(backend, asked), request.headers)
        content = await _worked(len(body), encode_v1, answered.outputs, answered.version)
        return _json(content, {VERSION_HEADER: str(answered.version)})

    async def infer(self, request: Request, name: str, version: str = "", label: str = "") -> Response:
        backend = served(self._plane, name, version, label)
        body = await _body(request)
        length = request.headers.get(BINARY_HEADER)
        asked = await _worked(len(body), read_v2, body, length, backend)
        if isinstance(asked, ColumnsRequest):
            forecasted = await self._forecaster.answer(backend, asked.question, request.headers)
            told, head = await _worked(len(body), encode_forecasts_v2, asked, forecasted.forecasts)
            return _v2(told, head, forecasted.forecasts.version)
        answered = await self._plane.ask(Question(backend, asked.inputs), request.headers)
        content, head = encode_v2(asked, name, answered.version, answered.outputs)
        return _v2(content, head, answered.version)

    async def status(self, name: str, version: str = "", label: str = "") -> Response:
        if ":" in name + version + label:
            raise RequestError(f"Malformed request: GET {name}: expected POST with a JSON body")
        backend = served(self._plane, name, version, label)
        state = {
            "version": str(backend.version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return _json(orjson.dumps({"name": name, "ready": True, "model_version_status": [state]}))


async def _body(request: Request) -> bytes:
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > MAX_BODY_BYTES:
            raise TooLargeError(f"expected a body of at most {MAX_BODY_BYTES} bytes: send fewer windows at once")
        parts.append(part)
    return b"".join(parts)


async def _worked(length: int, work: Callable[..., _Result], *arguments: Any) -> _Result:
    if length < _LONG_BODY_BYTES:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)


def _json(content: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(content, headers=headers, media_type="application/json")


def _v2(content: bytes, head: int | None, version: int) -> Response:
    headers = {VERSION_HEADER: str(version)}
    if head is None:
        return _json(content, headers)
    return Response(content, headers={**headers, BINARY_HEADER: str(head)}, media_type="application/octet-stream")


def _error(status: int, text: str) -> Response:
    return Response(orjson.dumps({"error": text}), status_code=status, media_type="application/json")


async def _bad_request(_: Request, error: Exception) -> Response:
    return _error(413 if isinstance(error, TooLargeError) else 400, str(error))


async def _unusable(_: Request, error: Exception) -> Response:
    assert isinstance(error, UnusableReadings)
    content = orjson.dumps({"error": str(error), "refused": error.refused})
    return Response(content, status_code=422, media_type="application/json")


async def _not_found(_: Request, error: Exception) -> Response:
    return _error(404, str(error))


async def _unavailable(_: Request, error: Exception) -> Response:
    return _error(503, str(error))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _error(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, f"{error.detail}: {request.method} {request.url.path}")
