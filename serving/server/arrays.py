"""Numbers of a request as float32 arrays, or what is wrong with them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from serving.server.errors import RequestError
from serving.server.signature import MAX_BATCH, Signature, TensorSpec

Arrays = dict[str, NDArray[np.float32]]
_NOT_A_NUMBER = re.compile(rb"[\[,:\s-](NaN|Infinity|Inf|nan|inf)\b")


def parse_json(body: bytes) -> Any:
    """A JSON body.

    Raises:
        RequestError: it isn't JSON; bare NaN and Infinity are not JSON either.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if _NOT_A_NUMBER.search(body):
            raise RequestError("NaN and Infinity are neither JSON nor readings: fill missing readings first") from error
        raise RequestError(f"expected a JSON body, got none that can be parsed: {error}") from error


def may_hold_booleans(body: bytes) -> bool:
    """Whether a body could hold true or false, which numpy would silently take for 1 and 0 among numbers."""
    return b"true" in body or b"false" in body


def numbers(value: Any, spec: TensorSpec, path: str, suspect: bool) -> NDArray[np.float32]:
    """A nested list as a checked float32 array [batch, ...].

    Args:
        value: nested lists of numbers.
        spec: what is expected.
        path: where the value stands in the request, for the error.
        suspect: look at every element, not only at the array that numpy made of them.

    Raises:
        RequestError: ragged, of another shape, not numbers, NaN or Infinity.
    """
    array = _regular(value, (-1, *spec.shape), spec, path, suspect)
    check_shape(array.shape, spec)
    return _narrow(array, spec, path)


def flat_numbers(value: list[Any], shape: tuple[int, ...], spec: TensorSpec, suspect: bool) -> NDArray[np.float32]:
    """A flat list in row-major order as a checked float32 array of a shape that was checked before.

    Raises:
        RequestError: of another length, not numbers, NaN or Infinity.
    """
    if len(value) != math.prod(shape):
        raise RequestError(
            f"expected {spec} with {math.prod(shape)} values for shape {list(shape)}, got {len(value)} values"
        )
    return _narrow(_regular(value, (-1,), spec, "data", suspect), spec, "data").reshape(shape)


def check_shape(shape: tuple[int, ...], spec: TensorSpec) -> None:
    """Raises RequestError unless a shape, batch included, is what is expected and of 1 to MAX_BATCH windows."""
    if not spec.fits(shape):
        raise RequestError(f"expected {spec}, got shape [{', '.join(map(str, shape))}]")
    if not 1 <= shape[0] <= MAX_BATCH:
        raise RequestError(f"expected {spec} with n from 1 to {MAX_BATCH}, got n = {shape[0]}")


def check_finite(array: NDArray[np.float32], spec: TensorSpec, path: str) -> None:
    """Raises RequestError naming the first element that is NaN, infinite or beyond float32."""
    finite = np.isfinite(array)
    if finite.all():
        return
    place = "".join(f"[{index}]" for index in np.argwhere(~finite)[0])
    raise RequestError(
        f"expected {spec}, got NaN, Infinity or a number beyond float32 at {path}{place}: fill missing readings first"
    )


def check_together(inputs: Mapping[str, NDArray[np.float32]], signature: Signature) -> None:
    """Raises RequestError unless every input is there, once, with the same batch."""
    missing = [spec for spec in signature.inputs if spec.name not in inputs]
    if missing:
        raise RequestError(f"expected {signature}, got no {missing[0].name}")
    batches = {name: len(array) for name, array in inputs.items()}
    if len(set(batches.values())) > 1:
        shown = ", ".join(f"{name} {batch}" for name, batch in batches.items())
        raise RequestError(f"expected {signature} with one n, got different numbers of windows: {shown}")


def _regular(value: Any, shape: tuple[int, ...], spec: TensorSpec, path: str, suspect: bool) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        array = np.empty(0, dtype=object)
    irregular = array.dtype.kind not in "iuf"
    if irregular or suspect:
        problem = _first_misfit(value, shape, path)
        if problem or irregular:
            raise RequestError(f"expected {spec}, got {problem or 'numbers out of range'}")
    return array


def _narrow(array: NDArray[Any], spec: TensorSpec, path: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(array, dtype=np.float32)
    check_finite(narrow, spec, path)
    return narrow


def _first_misfit(value: Any, shape: tuple[int, ...], path: str) -> str:
    if not shape:
        return "" if _is_number(value) else f"{_shown(value)} at {path}"
    if not isinstance(value, list):
        return f"{_shown(value)} at {path}, where a list is due"
    if shape[0] not in (-1, len(value)):
        return f"{len(value)} values at {path}, where {shape[0]} are due"
    problems = (_first_misfit(item, shape[1:], f"{path}[{index}]") for index, item in enumerate(value))
    return next(filter(None, problems), "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> str:
    text = {list: "a list", dict: "an object", type(None): "null"}.get(type(value)) or orjson.dumps(value).decode()
    return text if len(text) <= 40 else text[:37] + "..."
