"""Raw readings as one tensor a column in the V2 protocol over REST, and forecasts as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from serving.forecasts import Forecasts
from serving.server.arrays import may_hold_booleans, parse_json
from serving.server.backend import Backend
from serving.server.errors import RequestError, TooLargeError
from serving.server.v2 import V2Request, binary_size, decode_windows, request_id, requested_outputs, split_body
from serving.transformer.forecaster import ReadingsQuestion, dataset_of
from serving.transformer.output_tensors import (
    DEFAULT,
    NAMES,
    OF_MEMBERS,
    OutputTensor,
    output_parameters,
    output_tensor,
)
from serving.transformer.parameters import Parameters, read_parameters
from serving.transformer.readings import MAX_ROWS
from serving.transformer.v1_records import column, names_of

_NUMBERS = {
    "FP32": "<f4",
    "FP64": "<f8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
}
DATATYPES = ("BYTES", *_NUMBERS)


@dataclass(frozen=True)
class ColumnsRequest:
    """A request with raw readings.

    Attributes:
        id: the caller's, or a new one.
        question: to the forecaster.
        outputs: names asked for, each with whether it is wanted as binary.
    """

    id: str
    question: ReadingsQuestion
    outputs: dict[str, bool]


@dataclass(frozen=True)
class ColumnTensor:
    """What a request says of a tensor with the cells of one column."""

    name: str
    datatype: str
    rows: int


def read_v2(body: bytes, header_length: str | None, backend: Backend) -> V2Request | ColumnsRequest:
    """A request with windows, or one with columns of raw readings.

    Raises:
        RequestError: it is neither.
    """
    head, tail = split_body(body, header_length)
    document = parse_json(head)
    if holds_readings(_names(document), backend):
        return _columns_request(document, tail, backend)
    return decode_windows(document, tail, backend.signature, may_hold_booleans(head))


def encode_forecasts_v2(request: ColumnsRequest, forecasts: Forecasts) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON part where binary tensors follow it."""
    tensors = [(output_tensor(forecasts, name), binary) for name, binary in request.outputs.items()]
    tails = [tensor.raw() for tensor, binary in tensors if binary]
    document = {
        "model_name": forecasts.model,
        "model_version": str(forecasts.version),
        "id": request.id,
        "parameters": output_parameters(forecasts),
        "outputs": [_output(tensor, binary) for tensor, binary in tensors],
    }
    head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join([head, *tails]), len(head) if tails else None


def holds_readings(names: Sequence[Any], backend: Backend) -> bool:
    """Whether tensors of these names are columns of the dataset, and none is an input of the servable."""
    known = [name for name in names if isinstance(name, str)]
    if not known or any(backend.signature.input(name) for name in known):
        return False
    return not names_of(dataset_of(backend)).isdisjoint(known)


def question(backend: Backend, columns: dict[str, pd.Series], parameters: Parameters) -> ReadingsQuestion:
    """The question to the forecaster of columns of one length.

    Raises:
        RequestError: their lengths differ.
    """
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:20])
        raise RequestError(f"expected tensors of one length [n], got different numbers of readings: {shown}")
    return ReadingsQuestion(
        model=backend.name,
        readings=pd.DataFrame(columns),
        units=parameters.units,
        max_age_seconds=parameters.max_age_seconds,
    )


def default_outputs(parameters: Parameters) -> tuple[str, ...]:
    """Outputs that are given where none is named."""
    return (*DEFAULT, *OF_MEMBERS) if parameters.members else DEFAULT


def check_column(name: Any, datatype: Any, shape: Any, known: Sequence[str]) -> ColumnTensor:
    """Name, datatype and length of a tensor, once they are right.

    Args:
        name: as given.
        datatype: as given.
        shape: as given.
        known: names of the tensors before it.

    Raises:
        RequestError: one of them is wrong.
    """
    if not isinstance(name, str) or not name:
        raise RequestError(f"expected the name of a column for a tensor, got {str(name)[:40]!r}")
    if name in known:
        raise RequestError(f"expected one tensor for each column, got {name[:40]!r} twice")
    if datatype not in DATATYPES:
        raise RequestError(f"expected {name[:40]} as {', '.join(DATATYPES)}, got datatype {str(datatype)[:40]!r}")
    sizes = list(shape) if isinstance(shape, list) else []
    if len(sizes) != 1 or type(sizes[0]) is not int or sizes[0] < 1:
        raise RequestError(f"expected {name[:40]} of shape [n] with n from 1 readings, got shape {str(shape)[:40]}")
    if sizes[0] > MAX_ROWS:
        raise TooLargeError(f"expected at most {MAX_ROWS} readings in one request, got {sizes[0]}: send fewer series")
    return ColumnTensor(name, datatype, sizes[0])


def from_raw(data: bytes, tensor: ColumnTensor) -> pd.Series:
    """Cells from the bytes of a binary tensor.

    Raises:
        RequestError: they aren't as many as the shape says, or a text is no UTF-8.
    """
    if tensor.datatype == "BYTES":
        return texts(_split_texts(data, tensor), tensor)
    dtype = np.dtype(_NUMBERS[tensor.datatype])
    if len(data) != tensor.rows * dtype.itemsize:
        wanted = tensor.rows * dtype.itemsize
        raise RequestError(f"expected {tensor.name} with {wanted} bytes for {tensor.rows} readings, got {len(data)}")
    return numbers(np.frombuffer(data, dtype=dtype))


def numbers(values: NDArray[Any]) -> pd.Series:
    """Cells from an array of numbers; NaN is no reading."""
    if values.dtype != np.float32:
        return pd.Series(values)
    # As written in decimals: float32 1.1 is 1.10000002 as it stands, and beyond a limit of 1.1.
    shortest = orjson.loads(orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY))
    cells = np.array(shortest, dtype=np.float64)
    infinite = np.isinf(values)
    cells[infinite] = values[infinite]
    return pd.Series(cells)


def texts(encoded: Sequence[bytes], tensor: ColumnTensor) -> pd.Series:
    """Cells from encoded texts.

    Raises:
        RequestError: one is no UTF-8, or there are not as many as the shape says.
    """
    if len(encoded) != tensor.rows:
        raise RequestError(f"expected {tensor.name} with {tensor.rows} texts, got {len(encoded)}")
    try:
        return pd.Series([text.decode() for text in encoded], dtype=object)
    except UnicodeDecodeError as error:
        raise RequestError(f"expected {tensor.name} as UTF-8, got bytes that are none") from error


def _split_texts(data: bytes, tensor: ColumnTensor) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(data) and len(found) < tensor.rows:
        length = int.from_bytes(data[at : at + 4], "little")
        found.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(data):
        raise RequestError(f"expected {tensor.name} as {tensor.rows} texts, each after its length in four bytes")
    return found


def _names(document: Any) -> list[Any]:
    tensors = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(tensors, list):
        return []
    return [tensor.get("name") for tensor in tensors if isinstance(tensor, dict)]


def _columns_request(document: dict[str, Any], tail: bytes, backend: Backend) -> ColumnsRequest:
    parameters = read_parameters(document.get("parameters"), others=("binary_data_output",))
    columns: dict[str, pd.Series] = {}
    for index, tensor in enumerate(document["inputs"]):
        if not isinstance(tensor, dict):
            raise RequestError(f"expected an object with name, datatype, shape and data at inputs[{index}]")
        said = check_column(tensor.get("name"), tensor.get("datatype"), tensor.get("shape"), tuple(columns))
        size = binary_size(tensor)
        if size is None:
            columns[said.name] = _from_json(tensor.get("data"), said)
            continue
        columns[said.name] = from_raw(tail[:size], said)
        tail = tail[size:]
    if tail:
        raise RequestError(f"expected no bytes after the tensors, got {len(tail)}")
    outputs = requested_outputs(document, NAMES, default_outputs(parameters))
    return ColumnsRequest(request_id(document), question(backend, columns, parameters), outputs)


def _from_json(data: Any, tensor: ColumnTensor) -> pd.Series:
    if not isinstance(data, list) or len(data) != tensor.rows:
        got = f"{len(data)} values" if isinstance(data, list) else "no list"
        raise RequestError(f"expected {tensor.name} with a list of {tensor.rows} values as data, got {got}")
    return column(data, tensor.name)


def _output(tensor: OutputTensor, binary: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    if binary:
        return {**told, "parameters": {"binary_data_size": len(tensor.raw())}}
    return {**told, "data": tensor.values}
