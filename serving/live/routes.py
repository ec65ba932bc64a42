"""The live API, `/v1/forecasts`, and the page that reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any
from zlib import crc32

import orjson
from fastapi import APIRouter, FastAPI, Query, Request, Response

from serving.live.document import DEFAULT_HOURS, MAX_HOURS, Wanted, model_document, model_summary
from serving.live.latest import Latest
from serving.live.page_files import PAGE_HEADERS, PageFile, load_page
from serving.server.errors import NotServedError
from serving.server.model import StoreDataPlane, served

Hours = Annotated[float, Query(ge=0, le=MAX_HOURS, description="Hours of readings before the origin.")]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the answer with that ETag."},
    404: {"description": "There is no such model or series."},
}


@dataclass(frozen=True)
class Sources:
    """Where the live API takes its answers from.

    Attributes:
        plane: the models that are served.
        latest: the newest forecasts.
        notice: what is wrong with the feed of a model, None where nothing is.
        clock: seconds since the epoch.
        started: tells this process from the one before it, whose revisions were others.
    """

    plane: StoreDataPlane
    latest: Latest
    notice: Callable[[str], str | None]
    clock: Callable[[], float] = time.time
    started: int = field(default_factory=time.time_ns)


def add_live_routes(app: FastAPI, sources: Sources) -> None:
    """Adds `/`, the page's files and `/v1/forecasts`, before KServe adds its own `/`."""
    endpoints = _Endpoints(sources, load_page())
    router = APIRouter()
    # KServe's own `/` stays in the OpenAPI document.
    router.add_api_route("/", endpoints.root, methods=["GET"], response_model=None, include_in_schema=False)
    router.add_api_route("/page/{name}", endpoints.file, methods=["GET"], response_model=None, include_in_schema=False)
    router.add_api_route("/v1/forecasts", endpoints.models, methods=["GET"], response_model=None)
    router.add_api_route(
        "/v1/forecasts/{model}",
        endpoints.model,
        methods=["GET"],
        response_model=None,
        responses=_RESPONSES,
    )
    app.include_router(router)


class _Endpoints:
    def __init__(self, sources: Sources, page: dict[str, PageFile]) -> None:
        self._sources = sources
        self._page = page

    async def root(self, request: Request) -> Response:
        """The page for a browser, KServe's answer for everyone else."""
        if wants_html(request.headers.get("accept", "")):
            return _file(self._page["index.html"], request)
        return _json(orjson.dumps(await self._sources.plane.live()), {"Vary": "Accept"})

    async def file(self, request: Request, name: str) -> Response:
        """A file of the page, from memory."""
        if name not in self._page:
            raise NotServedError(f"the page has no file {name!r}")
        return _file(self._page[name], request)

    async def models(self) -> Response:
        """Every served model with the newest forecast of each of its series, in short."""
        return _json(await asyncio.to_thread(self._summaries))

    async def model(self, request: Request, model: str, series: str = "", hours: Hours = DEFAULT_HOURS) -> Response:
        """The newest forecasts of a model; with one series also its readings of the last hours."""
        etag = self._etag(model)
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return _json(await asyncio.to_thread(self._document, model, Wanted(series, hours)), {"ETag": etag})

    def _summaries(self) -> bytes:
        sources, now = self._sources, self._sources.clock()
        names = sorted(sources.plane.model_registry.get_models())
        models = [
            model_summary(served(sources.plane, name), sources.latest.tracks(name), sources.notice(name), now)
            for name in names
        ]
        return _dumps({"models": models})

    def _document(self, model: str, wanted: Wanted) -> bytes:
        backend, tracks = served(self._sources.plane, model), self._sources.latest.tracks(model)
        known = [track.newest.series for track in tracks]
        if wanted.series and wanted.series not in known:
            listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
            raise NotServedError(f"no forecast of series {wanted.series!r} of {model}; there are: {listed or 'none'}")
        notice, now = self._sources.notice(model), self._sources.clock()
        return _dumps(model_document(backend, tracks, wanted, notice, now))

    def _etag(self, model: str) -> str:
        backend = served(self._sources.plane, model)
        notice = crc32((self._sources.notice(model) or "").encode())
        revision = self._sources.latest.revision(model)
        return f'W/"{self._sources.started:x}-{backend.version}-{revision}-{notice:x}"'


def wants_html(accept: str) -> bool:
    """Whether an Accept header names HTML, as browsers' do."""
    kinds = {kind.split(";")[0].strip().lower() for kind in accept.split(",")}
    return bool(kinds & {"text/html", "application/xhtml+xml"})


def _file(file: PageFile, request: Request) -> Response:
    headers = {**PAGE_HEADERS, "ETag": file.etag}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _json(content: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(content, headers={"Cache-Control": "no-store", **(headers or {})}, media_type="application/json")


def _dumps(document: dict[str, Any]) -> bytes:
    # NaN becomes null.
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
