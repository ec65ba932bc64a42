"""Routes for which KServe answers 501: metadata and readiness of one version, and explanations."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Response

from serving.server.errors import RequestError
from serving.server.model import StoreDataPlane, served


def add_version_routes(app: FastAPI, plane: StoreDataPlane) -> None:
    """Adds the routes, before KServe adds its own."""
    endpoints = _Endpoints(plane)
    router = APIRouter()
    for place in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        router.add_api_route(place, endpoints.metadata, methods=["GET"], response_model=None)
        router.add_api_route(f"{place}/ready", endpoints.ready, methods=["GET"], response_model=None)
    router.add_api_route("/v1/models/{name}:explain", endpoints.explain, methods=["POST"], response_model=None)
    app.include_router(router)


class _Endpoints:
    def __init__(self, plane: StoreDataPlane) -> None:
        self._plane = plane

    async def metadata(self, name: str, version: str = "") -> Response:
        """Inputs and outputs of a model."""
        served(self._plane, name, version)
        metadata: dict[str, Any] = await self._plane.model_metadata(name)
        return _json({**metadata, "versions": [version]} if version else metadata)

    async def ready(self, name: str, version: str = "") -> Response:
        """Whether a model, or one version of it, can be asked."""
        served(self._plane, name, version)
        return _json({"name": name, "ready": True})

    async def explain(self, name: str) -> Response:
        """Refuses: members and weights in each answer say where it comes from."""
        served(self._plane, name)
        raise RequestError(f"{name} has no explainer; its answers hold members and weights")


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
