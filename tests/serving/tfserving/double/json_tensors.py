"""The tensors of a REST request: rows under `instances`, columns under `inputs`.

Source: tensorflow_serving/util/json_tensor.cc.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from double.json_text import kind, misfit, parse_object, shown
from double.status import StatusError, invalid
from numpy.typing import NDArray

# tensorflow/core/framework/types.cc, DataTypeString
_NAMES = {"float32": "float", "float64": "double"}
_INTEGERS = {"int8": 31, "uint8": 31, "int16": 31, "int32": 31, "int64": 63}


def read_tensors(body: bytes, request: Any, input_infos: Callable[[str], Mapping[str, Any]]) -> bool:
    """Fills a PredictRequest from JSON; says whether rows are to be answered with rows.

    Args:
        body: the JSON.
        request: filled with signature name and inputs.
        input_infos: a signature's inputs by its name.

    Raises:
        StatusError: it isn't such a request.
    """
    document = parse_object(body)
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise misfit(document, "not formatted correctly. 'signature_name' key must be a string value.")
    request.model_spec.signature_name = name
    infos = input_infos(name)
    if not infos:
        raise invalid(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    if "instances" not in document and "inputs" not in document:
        raise invalid("Missing 'inputs' or 'instances' key")
    if "instances" in document and "inputs" in document:
        raise misfit(document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ")
    by_row = "instances" in document
    arrays = _rows(document, infos) if by_row else _columns(document["inputs"], infos)
    for alias, array in arrays.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(array, dtype=tf.as_dtype(infos[alias].dtype)))
    return by_row


def _rows(document: Any, infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise misfit(document, "Expecting 'instances' to be an list/array")
    if not instances:
        raise misfit(document, "No values in 'instances' array")
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if _is_named(instances[0]):
        return _named_rows(instances, infos)
    alias = next(iter(infos))
    quick = _quick(instances, infos[alias])
    if quick is not None:
        return {alias: quick}
    batch = _Batch(infos)
    for position, item in enumerate(instances):
        if _is_named(item):
            raise invalid(f"Expecting value/list but got object at item {position} of input list")
        batch.add(alias, item, f"Failed to process element: {position} of 'instances' list. Error: ")
    return batch.arrays()


def _named_rows(instances: list[Any], infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    batch = _Batch(infos)
    for position, item in enumerate(instances):
        if not _is_named(item):
            raise invalid(f"Expecting object but got list at item {position} of input list")
        for alias, value in item.items():
            batch.add(alias, value, f"Failed to process element: {position} key: {alias} of 'instances' list. Error: ")
        if set(item) != set(infos):
            raise invalid(
                f"Failed to process element: {position} of 'instances' list. JSON object: {shown(item)} keys must be "
                f"equal to: {','.join(sorted(infos))}"
            )
    return batch.arrays()


def _columns(value: Any, infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    if not _is_named(value):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        alias = next(iter(infos))
        return {alias: _dense(value, infos[alias])}
    for alias in infos:
        if alias not in value:
            raise invalid(f"Missing named input: {alias} in 'inputs' object.")
    return {alias: _dense(value[alias], info) for alias, info in infos.items()}


class _Batch:
    def __init__(self, infos: Mapping[str, Any]) -> None:
        self._infos = infos
        self._items: dict[str, list[NDArray[Any]]] = {}

    def add(self, alias: str, value: Any, where: str) -> None:
        try:
            self._add(alias, value)
        except StatusError as error:
            raise invalid(f"{where}{error}") from error

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {alias: np.stack(items) for alias, items in self._items.items()}

    def _add(self, alias: str, value: Any) -> None:
        if alias not in self._infos:
            raise invalid(f"JSON object: does not have named input: {alias}")
        array = _dense(value, self._infos[alias])
        first = self._items.setdefault(alias, [array])[0]
        if first is array:
            return
        if first.size != array.size:
            raise invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
        if first.shape != array.shape:
            raise invalid(f"Expecting shape {_shape(first)} but got: {_shape(array)}")
        self._items[alias].append(array)


def _dense(value: Any, info: Any) -> NDArray[Any]:
    quick = _quick(value, info)
    if quick is not None:
        return quick
    dtype = tf.as_dtype(info.dtype)
    shape: list[int] = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    leaves: list[Any] = []
    _walk(value, 0, shape, dtype, leaves)
    return np.array(leaves, dtype=dtype.as_numpy_dtype).reshape(shape)


def _quick(value: Any, info: Any) -> NDArray[Any] | None:
    # Numbers in even lists, without a walk over each; whatever is irregular is walked, for the error.
    dtype = tf.as_dtype(info.dtype)
    if not dtype.is_floating or not isinstance(value, list):
        return None
    try:
        array = np.array(value)
    except (ValueError, OverflowError):
        return None
    if array.dtype.kind not in "fiu" or array.size == 0 or _holds_boolean(value):
        return None
    with np.errstate(over="ignore"):
        return array.astype(dtype.as_numpy_dtype)


def _holds_boolean(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_boolean, value))
    return isinstance(value, bool)


def _walk(value: Any, level: int, shape: list[int], dtype: Any, leaves: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        leaves.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _walk(item, level + 1, shape, dtype, leaves)


def _leaf(value: Any, dtype: Any) -> Any:
    if dtype.name == "string":
        return _text(value)
    if _fits(value, dtype):
        return value
    raise invalid(
        f"JSON Value: {shown(value)} Type: {kind(value)} is not of expected type: {_NAMES.get(dtype.name, dtype.name)}"
    )


def _fits(value: Any, dtype: Any) -> bool:
    if dtype.name == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    bits = _INTEGERS.get(dtype.name)
    return bits is None or (isinstance(value, int) and -(2**bits) <= value < 2**bits)


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not _is_base64(value):
        if isinstance(value, dict):
            raise misfit(value, "not formatted correctly for base64 data")
        raise invalid(f"JSON Value: {shown(value)} Type: {kind(value)} is not of expected type: string")
    try:
        return base64.b64decode(value["b64"])
    except binascii.Error as error:
        raise invalid("Unable to base64 decode") from error


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def _shape(array: NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"
