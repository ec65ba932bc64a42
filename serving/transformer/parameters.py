"""What a caller may say beside raw readings: the same in every protocol."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serving.server.arrays import parse_json
from serving.server.errors import RequestError

NAMES = ("members", "max_age_seconds", "units")


@dataclass(frozen=True)
class Parameters:
    """Parameters of a request with raw readings.

    Attributes:
        members: whether each member's forecast and weight is wanted.
        max_age_seconds: oldest last reading that is accepted; None for the server's.
        units: the caller's unit of each column.
    """

    members: bool = False
    max_age_seconds: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)


def read_parameters(given: Any, others: tuple[str, ...] = ()) -> Parameters:
    """Checked parameters.

    Args:
        given: an object, or nothing.
        others: names that a protocol has of its own.

    Raises:
        RequestError: an unknown name, or a value of the wrong kind.
    """
    if given is None:
        return Parameters()
    if not isinstance(given, dict):
        raise RequestError(f"expected an object for parameters, got {str(given)[:40]}")
    for name in given:
        if name not in NAMES and name not in others:
            near = difflib.get_close_matches(name, NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(NAMES)}"
            raise RequestError(f"parameters has the unknown key {name[:40]!r}: {hint}")
    return Parameters(
        _members(given.get("members")), _max_age(given.get("max_age_seconds")), _units(given.get("units"))
    )


def _members(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RequestError(f"expected true or false for parameters.members, got {str(value)[:40]!r}")


def _max_age(value: Any) -> float | None:
    if value is None:
        return None
    # gRPC's parameters have no fractions but as text.
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
        raise RequestError(f"expected seconds from 0 for parameters.max_age_seconds, got {str(value)[:40]!r}")
    return float(number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _units(value: Any) -> Mapping[str, str]:
    if value is None:
        return {}
    units = parse_json(value.encode("utf-8", "replace")) if isinstance(value, str) else value
    if not isinstance(units, dict) or not all(isinstance(unit, str) for unit in units.values()):
        raise RequestError(f'expected {{"column": "unit", ...}} for parameters.units, got {str(value)[:40]!r}')
    return units
