"""Forecasts as tensors, for the V2 protocol over REST and gRPC."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from serving.forecasts import Forecasts, Row

# Given where no output is named; the others when asked for, by name or by the parameter `members`.
DEFAULT = ("series", "origin", "time", "last_value", "forecast", "lower", "upper", "spike_probability")
OF_MEMBERS = ("members", "weights")
NAMES = (*DEFAULT, *OF_MEMBERS)


@dataclass(frozen=True)
class OutputTensor:
    """One tensor of the answer.

    Attributes:
        name: as on the wire.
        shape: its sizes.
        values: in row-major order: texts, or float32.
    """

    name: str
    shape: tuple[int, ...]
    values: tuple[str, ...] | NDArray[np.float32]

    @property
    def datatype(self) -> str:
        """BYTES for texts, else FP32."""
        return "BYTES" if isinstance(self.values, tuple) else "FP32"

    def raw(self) -> bytes:
        """Little-endian floats, or texts each after its length in four bytes."""
        if not isinstance(self.values, tuple):
            return self.values.astype("<f4").tobytes()
        encoded = [text.encode() for text in self.values]
        return b"".join(part for text in encoded for part in (len(text).to_bytes(4, "little"), text))


def output_tensor(forecasts: Forecasts, name: str) -> OutputTensor:
    """One output: [series], [series, horizons] or [series, members, horizons]."""
    series = forecasts.forecasts
    one = (len(series),)
    match name:
        case "series":
            return OutputTensor(name, one, tuple(forecast.series for forecast in series))
        case "origin":
            return OutputTensor(name, one, tuple(forecast.origin for forecast in series))
        case "time":
            return OutputTensor(name, (*one, _horizons(forecasts)), tuple(row.time for row in _rows(forecasts)))
        case "last_value":
            return OutputTensor(name, one, _floats([forecast.last_value for forecast in series]))
        case "spike_probability":
            return OutputTensor(name, one, _floats([forecast.spike_probability for forecast in series]))
        case "members":
            return _of_members(forecasts, name, lambda row: row.members)
        case "weights":
            return _of_members(forecasts, name, lambda row: row.weights)
    values = [getattr(row, name) for row in _rows(forecasts)]
    return OutputTensor(name, (*one, _horizons(forecasts)), _floats(values))


def output_parameters(forecasts: Forecasts) -> dict[str, str]:
    """What isn't a tensor, as texts, since V2's parameters hold no lists: `members`, `refused` and `notes` as JSON."""
    members = list(forecasts.forecasts[0].rows[0].members)
    return {
        "target": forecasts.target,
        "unit": forecasts.unit,
        "horizons": _json(forecasts.horizons),
        "members": _json(members),
        "refused": _json(forecasts.refused),
        "notes": _json(forecasts.notes),
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _rows(forecasts: Forecasts) -> list[Row]:
    return [row for forecast in forecasts.forecasts for row in forecast.rows]


def _horizons(forecasts: Forecasts) -> int:
    return len(forecasts.horizons)


def _floats(values: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def _of_members(forecasts: Forecasts, name: str, of: Callable[[Row], dict[str, float]]) -> OutputTensor:
    values = np.array([list(of(row).values()) for row in _rows(forecasts)], dtype=np.float32)
    shape = (len(forecasts.forecasts), values.shape[1], _horizons(forecasts))
    by_member = values.reshape(shape[0], shape[2], shape[1]).transpose(0, 2, 1)
    assert math.prod(shape) == by_member.size
    return OutputTensor(name, shape, np.ascontiguousarray(by_member).reshape(-1))
