"""JSON schemas of the bodies and answers of the REST routes, by name."""

from __future__ import annotations

from typing import Any

from serving.server.signature import MAX_BATCH

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_WHOLE = {"type": "integer", "minimum": 0}
_VERSION = {"type": "string", "pattern": "^[0-9]+$"}
_READING = {"type": ["number", "null"]}


def _list(items: dict[str, Any], **limits: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **limits}


def _object(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_MATRIX = _list(_list(_NUMBER, minItems=1), minItems=1)
_ROW = _list(_NUMBER)
_BY_NAME = {"type": "object", "additionalProperties": _ROW}
_TENSOR_DATA = {"type": "array", "items": {"type": ["number", "string", "array", "null"]}}
_TENSOR = {"name": _TEXT, "datatype": _TEXT, "shape": _list(_WHOLE), "data": _TENSOR_DATA}
_PARAMETERS = _object(
    {
        "members": {"type": "boolean", "description": "Members' forecasts and weights are wanted too."},
        "max_age_seconds": {"type": "number", "minimum": 0, "description": "Older last readings are refused."},
        "units": {"type": "object", "additionalProperties": _TEXT, "description": "Units that the readings are in."},
    },
    description="For raw readings.",
)
_WINDOW_PREDICTION = _object(
    {
        "forecast": _ROW,
        "lower": _ROW,
        "upper": _ROW,
        "members": _list(_ROW),
        "weights": _list(_ROW),
        "spike_probability": _NUMBER,
    },
    "forecast",
    "lower",
    "upper",
    "members",
    "weights",
    "spike_probability",
    title="Forecast of a window",
)
_SERIES_PREDICTION = _object(
    {
        "series": _TEXT,
        "origin": _TEXT,
        "model_version": _VERSION,
        "last_value": _NUMBER,
        "spike_probability": _NUMBER,
        "horizons": _list(_WHOLE),
        "times": _list(_TEXT),
        "forecast": _ROW,
        "lower": _ROW,
        "upper": _ROW,
        "members": _BY_NAME,
        "weights": _BY_NAME,
    },
    "series",
    "origin",
    "model_version",
    "horizons",
    "times",
    "forecast",
    "lower",
    "upper",
    "spike_probability",
    title="Forecast of a series",
)

SCHEMAS: dict[str, dict[str, Any]] = {
    "Error": _object(
        {
            "error": {"anyOf": [_TEXT, _object({"message": _TEXT}, "message")]},
            "refused": _list(_object({"series": _TEXT, "problem": _TEXT, "fix": _TEXT}, "series", "problem", "fix")),
        },
        "error",
    ),
    "Window": {**_MATRIX, "description": "[window][columns], raw units, columns in the dataset file's order."},
    "WindowAndFuture": _object(
        {"window": _reference("Window"), "future": {**_MATRIX, "description": "[longest horizon][known columns]."}},
        "window",
        additionalProperties=False,
    ),
    "Record": {
        "type": "object",
        "description": "A raw reading: the dataset's time column, its series column for panels, and its columns.",
        "additionalProperties": {"type": ["number", "string", "null"]},
    },
    "PredictRequest": _object(
        {
            "instances": {
                "anyOf": [
                    _list(_reference("Window"), minItems=1, maxItems=MAX_BATCH),
                    _list(_reference("WindowAndFuture"), minItems=1, maxItems=MAX_BATCH),
                    _list(_reference("Record"), minItems=1),
                ]
            },
            "signature_name": {"type": "string", "enum": ["serving_default"]},
            "parameters": _PARAMETERS,
        },
        "instances",
    ),
    "PredictResponse": _object(
        {
            "predictions": _list({"anyOf": [_WINDOW_PREDICTION, _SERIES_PREDICTION]}, minItems=1),
            "model_version": _VERSION,
            "refused": _list({"type": "object"}),
        },
        "predictions",
        "model_version",
    ),
    "InferRequest": _object(
        {
            "id": {"type": "string", "minLength": 1},
            "inputs": _list(
                _object({**_TENSOR, "parameters": {"type": "object"}}, "name", "datatype", "shape"), minItems=1
            ),
            "outputs": _list(_object({"name": _TEXT, "parameters": {"type": "object"}}, "name")),
            "parameters": _PARAMETERS,
        },
        "inputs",
    ),
    "InferResponse": _object(
        {
            "id": _TEXT,
            "model_name": _TEXT,
            "model_version": _VERSION,
            "outputs": _list(_object(_TENSOR, "name", "datatype", "shape"), minItems=1),
        },
        "id",
        "model_name",
        "model_version",
        "outputs",
    ),
    "ForecastResponse": _object(
        {
            "id": _TEXT,
            "created_at": _WHOLE,
            "status": _TEXT,
            "model": _TEXT,
            "model_version": _VERSION,
            "outputs": _list(_object({"type": _TEXT, "id": _TEXT, "content": _list({"type": "object"})}, "content")),
        },
        "id",
        "model",
        "model_version",
        "outputs",
    ),
    "Models": _object({"models": _list(_TEXT)}, "models"),
    "ModelStatus": _object(
        {
            "name": _TEXT,
            "ready": {"type": "boolean"},
            "model_version_status": _list(
                _object(
                    {"version": _VERSION, "state": {"enum": ["AVAILABLE"]}, "status": {"type": "object"}},
                    "version",
                    "state",
                ),
                minItems=1,
            ),
        },
        "name",
        "ready",
        "model_version_status",
    ),
    "ModelMetadata": _object(
        {
            "name": _TEXT,
            "platform": _TEXT,
            "versions": _list(_VERSION, minItems=1),
            "inputs": _list(_object({"name": _TEXT, "datatype": _TEXT, "shape": _list({"type": "integer"})}, "name")),
            "outputs": _list(_object({"name": _TEXT, "datatype": _TEXT, "shape": _list({"type": "integer"})}, "name")),
        },
        "name",
        "platform",
        "versions",
        "inputs",
        "outputs",
    ),
    "Ready": _object({"name": _TEXT, "ready": {"type": "boolean"}}, "name", "ready"),
    "LiveModels": _object(
        {"models": _list(_object({"model": _TEXT, "version": _VERSION, "series": _list({"type": "object"})}, "model"))},
        "models",
    ),
    "LiveForecast": _object(
        {
            "model": _TEXT,
            "version": _VERSION,
            "target": _TEXT,
            "horizons": _list(_WHOLE),
            "series": _list(
                _object(
                    {
                        "series": _TEXT,
                        "origin": _TEXT,
                        "last_value": _READING,
                        "forecast": _list(_object({"time": _TEXT, "forecast": _NUMBER}, "time", "forecast")),
                    },
                    "series",
                    "origin",
                    "forecast",
                )
            ),
        },
        "model",
        "version",
        "target",
        "horizons",
        "series",
    ),
}
