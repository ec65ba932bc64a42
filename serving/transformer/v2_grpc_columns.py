"""Raw readings as one tensor a column in the V2 protocol over gRPC, and forecasts as tensors."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pandas as pd

from serving.forecasts import Forecasts
from serving.kserve_sdk import grpc_predict_v2_pb2
from serving.server.backend import Backend
from serving.server.errors import RequestError
from serving.transformer.output_tensors import NAMES, output_parameters, output_tensor
from serving.transformer.parameters import Parameters, read_parameters
from serving.transformer.v2_columns import (
    ColumnsRequest,
    ColumnTensor,
    check_column,
    default_outputs,
    from_raw,
    numbers,
    question,
    texts,
)

_CONTENTS = {
    "BYTES": "bytes_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
}
_TYPES = {"fp32_contents": np.float32, "fp64_contents": np.float64, "uint64_contents": np.uint64}


def decode_readings(request: Any, backend: Backend) -> ColumnsRequest:
    """A request with columns of raw readings.

    Raises:
        RequestError: a tensor or a parameter isn't as expected.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise RequestError(f"expected {len(request.inputs)} raw_input_contents, one per input, got {len(raw)}")
    parameters = read_parameters(_parameters(request), others=("binary_data_output",))
    columns: dict[str, pd.Series] = {}
    for index, tensor in enumerate(request.inputs):
        said = check_column(tensor.name, tensor.datatype, list(tensor.shape), tuple(columns))
        columns[said.name] = from_raw(raw[index], said) if raw else _from_contents(tensor.contents, said)
    outputs = dict.fromkeys(_requested(request, parameters), bool(raw))
    return ColumnsRequest(request.id or str(uuid.uuid4()), question(backend, columns, parameters), outputs)


def encode_forecasts(request: Any, asked: ColumnsRequest, forecasts: Forecasts) -> Any:
    """The answer, raw where the question was raw."""
    response = grpc_predict_v2_pb2.ModelInferResponse(
        model_name=request.model_name, model_version=str(forecasts.version), id=asked.id
    )
    for key, text in output_parameters(forecasts).items():
        response.parameters[key].string_param = text
    for name, raw in asked.outputs.items():
        tensor = output_tensor(forecasts, name)
        output = response.outputs.add(name=name, datatype=tensor.datatype, shape=tensor.shape)
        if raw:
            response.raw_output_contents.append(tensor.raw())
        elif isinstance(tensor.values, tuple):
            output.contents.bytes_contents.extend(text.encode() for text in tensor.values)
        else:
            output.contents.fp32_contents.extend(tensor.values.tolist())
    return response


def _parameters(request: Any) -> dict[str, Any]:
    given = {}
    for key, parameter in request.parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        given[key] = getattr(parameter, kind) if kind else None
    return given


def _requested(request: Any, parameters: Parameters) -> tuple[str, ...]:
    names = tuple(output.name for output in request.outputs)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise RequestError(f"expected outputs among {', '.join(NAMES)}, got {unknown[0][:40]!r}")
    return names or default_outputs(parameters)


def _from_contents(contents: Any, tensor: ColumnTensor) -> pd.Series:
    field = _CONTENTS[tensor.datatype]
    cells = getattr(contents, field)
    if len(cells) != tensor.rows:
        raise RequestError(f"expected {tensor.name} with {tensor.rows} values in {field}, got {len(cells)}")
    if tensor.datatype == "BYTES":
        return texts(list(cells), tensor)
    return numbers(np.array(cells, dtype=_TYPES.get(field, np.int64)))
