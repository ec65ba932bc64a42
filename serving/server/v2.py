"""The V2 protocol (Open Inference Protocol) over REST: JSON, with binary tensors behind it or not, and arrays."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from serving.server.arrays import (
    Arrays,
    check_finite,
    check_shape,
    check_together,
    flat_numbers,
    may_hold_booleans,
    numbers,
    parse_json,
)
from serving.server.errors import RequestError
from serving.server.signature import Signature, TensorSpec

BINARY_HEADER = "inference-header-content-length"
DATATYPE = "FP32"


@dataclass(frozen=True)
class V2Request:
    """A checked request.

    Attributes:
        id: the caller's, or a new one.
        inputs: arrays [batch, ...] by name.
        outputs: names asked for, each with whether it is wanted as binary.
    """

    id: str
    inputs: Arrays
    outputs: dict[str, bool]


def decode_v2(body: bytes, header_length: str | None, signature: Signature) -> V2Request:
    """An inference request.

    Args:
        body: JSON, followed by the binary tensors where there are any.
        header_length: the header `Inference-Header-Content-Length`: bytes of the JSON part.
        signature: what is expected.

    Raises:
        RequestError: it isn't an inference request for the signature.
    """
    head, tail = split_body(body, header_length)
    return decode_windows(parse_json(head), tail, signature, may_hold_booleans(head))


def decode_windows(document: Any, tail: bytes, signature: Signature, suspect: bool) -> V2Request:
    """As `decode_v2`, of a parsed JSON part.

    Args:
        document: the parsed JSON part.
        tail: the bytes after it.
        signature: what is expected.
        suspect: look at every number, not only at the array that numpy made of them.

    Raises:
        RequestError: it isn't an inference request for the signature.
    """
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), list) or not document["inputs"]:
        raise RequestError(f'expected {{"inputs": [...]}} with {signature}, got no list "inputs"')
    inputs = _inputs(document["inputs"], tail, signature, suspect)
    return V2Request(request_id(document), inputs, requested_outputs(document, signature.output_names()))


def encode_v2(request: V2Request, name: str, version: int, outputs: Arrays) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON part where binary tensors follow it."""
    tails = [outputs[output].tobytes() for output, binary in request.outputs.items() if binary]
    document = {
        "model_name": name,
        "model_version": str(version),
        "id": request.id,
        "outputs": [_tensor(output, outputs[output], binary) for output, binary in request.outputs.items()],
    }
    head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join([head, *tails]), len(head) if tails else None


def check_tensor(name: Any, datatype: Any, shape: Any, signature: Signature) -> TensorSpec:
    """The expected tensor of that name, once name, datatype and shape are right.

    Raises:
        RequestError: one of them is wrong.
    """
    spec = signature.input(name) if isinstance(name, str) else None
    if spec is None:
        raise RequestError(f"expected {signature}, got a tensor named {str(name)[:40]!r}")
    if datatype != DATATYPE:
        raise RequestError(f"expected {spec} as {DATATYPE}, got datatype {str(datatype)[:40]!r}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(f"expected {spec}, got shape {str(shape)[:80]}")
    check_shape(tuple(shape), spec)
    return spec


def from_bytes(data: bytes, shape: tuple[int, ...], spec: TensorSpec) -> NDArray[np.float32]:
    """Little-endian float32 bytes as a checked array.

    Raises:
        RequestError: the length isn't the shape's, or a value isn't finite.
    """
    wanted = 4 * math.prod(shape)
    if len(data) != wanted:
        raise RequestError(f"expected {spec} with {wanted} bytes for shape {list(shape)}, got {len(data)} bytes")
    array = np.frombuffer(data, dtype="<f4").reshape(shape)
    check_finite(array, spec, spec.name)
    return array


def split_body(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    """The JSON part of a body, and the binary tensors after it.

    Raises:
        RequestError: the header isn't a length within the body.
    """
    if header_length is None:
        return body, b""
    if not header_length.isdecimal() or int(header_length) > len(body):
        raise RequestError(
            f"expected {BINARY_HEADER} from 0 to the body's {len(body)} bytes, got {header_length[:40]!r}"
        )
    return body[: int(header_length)], body[int(header_length) :]


def _inputs(tensors: list[Any], tail: bytes, signature: Signature, suspect: bool) -> Arrays:
    inputs: Arrays = {}
    for index, tensor in enumerate(tensors):
        if not isinstance(tensor, dict):
            raise RequestError(f"expected an object with name, datatype, shape and data at inputs[{index}]")
        spec = check_tensor(tensor.get("name"), tensor.get("datatype"), tensor.get("shape"), signature)
        if spec.name in inputs:
            raise RequestError(f"expected {signature}, got {spec.name} twice")
        size = binary_size(tensor)
        if size is None:
            inputs[spec.name] = _from_json(tensor, spec, suspect)
            continue
        inputs[spec.name] = from_bytes(tail[:size], tuple(tensor["shape"]), spec)
        tail = tail[size:]
    if tail:
        raise RequestError(f"expected no bytes after the tensors, got {len(tail)}")
    check_together(inputs, signature)
    return inputs


def binary_size(tensor: dict[str, Any]) -> int | None:
    """Bytes of a tensor that stand after the JSON part; None where its data stand in it.

    Raises:
        RequestError: its parameters aren't what they must be.
    """
    parameters = tensor.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise RequestError("expected an object for parameters")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise RequestError(f"expected a number of bytes for binary_data_size, got {str(size)[:40]}")
    return size


def _from_json(tensor: dict[str, Any], spec: TensorSpec, suspect: bool) -> NDArray[np.float32]:
    data, shape = tensor.get("data"), tuple(tensor["shape"])
    if not isinstance(data, list):
        raise RequestError(f"expected {spec} with a list of numbers as data, got {type(data).__name__}")
    if data and isinstance(data[0], list):
        array = numbers(data, spec, "data", suspect)
        if array.shape != shape:
            raise RequestError(f"expected {spec} of shape {list(shape)}, got data of shape {list(array.shape)}")
        return array
    return flat_numbers(data, shape, spec, suspect)


def request_id(document: dict[str, Any]) -> str:
    """The caller's id, or a new one.

    Raises:
        RequestError: it is no text, or empty.
    """
    given = document.get("id")
    if given is None:
        return str(uuid.uuid4())
    if not isinstance(given, str) or not given:
        raise RequestError(f"expected a text that isn't empty as id, or no id, got {str(given)[:40]!r}")
    return given


def requested_outputs(
    document: dict[str, Any], names: tuple[str, ...], default: tuple[str, ...] | None = None
) -> dict[str, bool]:
    """Names of the outputs asked for, each with whether it is wanted as binary.

    Args:
        document: the parsed JSON part.
        names: of all outputs.
        default: what is given where none is named; None for all.

    Raises:
        RequestError: an output that doesn't exist.
    """
    parameters = document.get("parameters") or {}
    binary = isinstance(parameters, dict) and parameters.get("binary_data_output") is True
    wanted = document.get("outputs")
    if not wanted:
        return dict.fromkeys(names if default is None else default, binary)
    if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
        raise RequestError('expected a list of {"name": ...} as outputs')
    chosen: dict[str, bool] = {}
    for output in wanted:
        if output.get("name") not in names:
            raise RequestError(f"expected outputs among {', '.join(names)}, got {str(output.get('name'))[:40]!r}")
        own = output.get("parameters")
        chosen[output["name"]] = bool(own.get("binary_data", binary)) if isinstance(own, dict) else binary
    return chosen


def _tensor(name: str, array: NDArray[np.float32], binary: bool) -> dict[str, Any]:
    tensor: dict[str, Any] = {"name": name, "datatype": DATATYPE, "shape": list(array.shape)}
    if binary:
        return {**tensor, "parameters": {"binary_data_size": array.nbytes}}
    return {**tensor, "data": array.reshape(-1)}
