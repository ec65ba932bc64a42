"""The OpenAPI document of the server: KServe's, with the bodies, answers and errors of every route."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI

from serving.server.openapi_schemas import SCHEMAS

_ASKED = ("400", "401", "404", "408", "413", "422", "429", "503", "504")
_READ = ("400", "401", "404")
_TEXTS = {
    "400": "The request is wrong; the error says what was expected.",
    "401": "There is no key, or an unknown one.",
    "404": "There is no such model, version or series.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "422": "No forecast follows from these readings; the error says why.",
    "429": "There is no room now: come again after Retry-After seconds.",
    "503": "What computes the answers is not there.",
    "504": "There was no answer in time.",
}
_PREDICT, _INFER = ("PredictRequest", "PredictResponse"), ("InferRequest", "InferResponse")
# Route -> schemas of its body and its answer.
_BODIES: dict[str, tuple[str | None, str]] = {
    "post /v1/models/{name}:predict": _PREDICT,
    "post /v1/models/{name}/versions/{version}:predict": _PREDICT,
    "post /v1/models/{name}/labels/{label}:predict": _PREDICT,
    "post /v1/models/{name}:explain": ("PredictRequest", "Error"),
    "post /v2/models/{name}/infer": _INFER,
    "post /v2/models/{name}/versions/{version}/infer": _INFER,
    "post /v1/timeseries/forecast": (None, "ForecastResponse"),
    "get /v1/models": (None, "Models"),
    "get /v1/models/{name}": (None, "ModelStatus"),
    "get /v1/models/{name}/versions/{version}": (None, "ModelStatus"),
    "get /v1/models/{name}/labels/{label}": (None, "ModelStatus"),
    "get /v2/models/{name}": (None, "ModelMetadata"),
    "get /v2/models/{name}/versions/{version}": (None, "ModelMetadata"),
    "get /v2/models/{name}/ready": (None, "Ready"),
    "get /v2/models/{name}/versions/{version}/ready": (None, "Ready"),
    "get /v1/forecasts": (None, "LiveModels"),
    "get /v1/forecasts/{model}": (None, "LiveForecast"),
}
_BINARY = ("post /v2/models/{name}/infer", "post /v2/models/{name}/versions/{version}/infer")
_TABLES = tuple(route for route, schemas in _BODIES.items() if schemas == _PREDICT)
_UNREADY = ("get /v2/health/live", "get /v2/health/ready")


def describe(app: FastAPI, version: str) -> None:
    """Has an application answer /openapi.json with the whole document.

    Args:
        app: KServe's application; routes may still be added until the document is asked for the first time.
        version: of this package.
    """
    kserves = app.openapi
    done: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not done:
            done.append(_described(kserves(), version))
        return done[0]

    # FastAPI's documented way to extend the document is to replace this method.
    app.openapi = openapi  # type: ignore[method-assign]


def _described(document: dict[str, Any], version: str) -> dict[str, Any]:
    components = document.get("components", {})
    return {
        **document,
        "info": {"title": "Sluice", "version": version},
        "paths": _paths(document["paths"]),
        "components": {
            **components,
            "schemas": {**components.get("schemas", {}), **SCHEMAS},
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        # Either, or none where the server has no keys.
        "security": [{}, {"header": []}, {"bearer": []}],
    }


def _paths(paths: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    seen: set[tuple[str, str]] = set()
    for path, operations in paths.items():
        for method, operation in operations.items():
            # Of two routes for one path the first answers.
            shape = (method, re.sub(r"\{[^}]*\}", "{}", path))
            if shape not in seen:
                seen.add(shape)
                described.setdefault(path, {})[method] = _operation(f"{method} {path}", path, operation)
    return described


def _operation(route: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    body, answer = _BODIES.get(route, (None, None))
    whole = {**operation, "parameters": _parameters(path, operation), "responses": _responses(route, operation, answer)}
    if body is not None:
        content = {"application/json": {"schema": _reference(body)}}
        if route in _BINARY:
            content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
        if route in _TABLES:
            content["text/csv"] = {"schema": {"type": "string"}}
        whole["requestBody"] = {"required": True, "content": content}
    if not whole["parameters"]:
        del whole["parameters"]
    return whole


def _parameters(path: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The path's own, and what is asked in the query; a version or label that the path lacks isn't one."""
    return [
        parameter
        for parameter in operation.get("parameters", [])
        if f"{{{parameter['name']}}}" in path or parameter["name"] not in ("version", "label", "model_version")
    ]


def _responses(route: str, operation: dict[str, Any], answer: str | None) -> dict[str, Any]:
    own = {code: told for code, told in operation["responses"].items() if code != "422"}
    if route == "get /metrics":
        text = {"schema": {"type": "string"}}
        own["200"] = {"description": "Metrics.", "content": {"text/plain": text, "application/openmetrics-text": text}}
    elif answer is not None:
        own["200"] = {"description": "The answer.", "content": {"application/json": {"schema": _reference(answer)}}}
        if route in _BINARY:
            own["200"]["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    codes = _ASKED if route.startswith("post ") else (*_READ, "503") if route in _UNREADY else _READ
    return {**own, **{code: _refusal(code) for code in codes}}


def _refusal(code: str) -> dict[str, Any]:
    refusal: dict[str, Any] = {
        "description": _TEXTS[code],
        "content": {"application/json": {"schema": _reference("Error")}},
    }
    if code == "429":
        refusal["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return refusal


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
