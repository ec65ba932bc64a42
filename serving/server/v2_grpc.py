"""The V2 protocol over gRPC: KServe's servicer, with requests checked before they are decoded."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.kserve_sdk import InferenceServicer, grpc_predict_v2_pb2
from serving.server.arrays import Arrays, check_together, flat_numbers
from serving.server.backend import Answered
from serving.server.errors import RequestError
from serving.server.model import Question, StoreDataPlane, served
from serving.server.signature import Signature, TensorSpec
from serving.server.v2 import DATATYPE, check_tensor, from_bytes
from serving.transformer.forecaster import Forecaster
from serving.transformer.v2_columns import holds_readings
from serving.transformer.v2_grpc_columns import decode_readings, encode_forecasts

# Decoding longer requests takes more than a few milliseconds: in a thread, so that short requests don't wait.
LONG_BYTES = 200_000


class CheckedInferenceServicer(InferenceServicer):  # type: ignore[misc]
    """KServe's GRPCInferenceService; ModelInfer answers INVALID_ARGUMENT or NOT_FOUND with what was expected."""

    def __init__(self, plane: StoreDataPlane, repository: Any, forecaster: Forecaster) -> None:
        super().__init__(plane, repository)
        self._plane = plane
        self._forecaster = forecaster

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What a model takes and gives, and its versions, which KServe's own answer leaves out."""
        response = await super().ModelMetadata(request, context)
        metadata = await self._plane.model_metadata(request.name)
        response.versions.extend(metadata["versions"])
        return response

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answers one batch."""
        backend = served(self._plane, request.model_name, request.model_version)
        metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        if holds_readings([tensor.name for tensor in request.inputs], backend):
            if request.ByteSize() < LONG_BYTES:
                asked = decode_readings(request, backend)
            else:
                asked = await asyncio.to_thread(decode_readings, request, backend)
            forecasted = await self._forecaster.answer(backend, asked.question, metadata)
            return encode_forecasts(request, asked, forecasted.forecasts)
        inputs = decode(request, backend.signature)
        names = requested(request, backend.signature)
        answered = await self._plane.ask(Question(backend, inputs), metadata)
        return encode(request, names, answered)


def decode(request: Any, signature: Signature) -> Arrays:
    """The request's tensors as arrays [batch, ...] by name.

    Raises:
        RequestError: a tensor is missing, unknown, or not as expected.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise RequestError(f"expected {len(request.inputs)} raw_input_contents, one per input, got {len(raw)}")
    inputs: Arrays = {}
    for index, tensor in enumerate(request.inputs):
        spec = check_tensor(tensor.name, tensor.datatype, list(tensor.shape), signature)
        if spec.name in inputs:
            raise RequestError(f"expected {signature}, got {spec.name} twice")
        inputs[spec.name] = _array(tensor, raw[index] if raw else None, spec)
    check_together(inputs, signature)
    return inputs


def requested(request: Any, signature: Signature) -> tuple[str, ...]:
    """Names of the outputs asked for: all where none is named.

    Raises:
        RequestError: an output that doesn't exist.
    """
    names = tuple(output.name for output in request.outputs) or signature.output_names()
    unknown = [name for name in names if name not in signature.output_names()]
    if unknown:
        raise RequestError(f"expected outputs among {', '.join(signature.output_names())}, got {unknown[0]!r}")
    return names


def encode(request: Any, names: tuple[str, ...], answered: Answered) -> Any:
    """The answer, raw where the question was raw."""
    raw = bool(request.raw_input_contents)
    response = grpc_predict_v2_pb2.ModelInferResponse(
        model_name=request.model_name, model_version=str(answered.version), id=request.id or str(uuid.uuid4())
    )
    for name in names:
        array = answered.outputs[name]
        tensor = response.outputs.add(name=name, datatype=DATATYPE, shape=array.shape)
        if raw:
            response.raw_output_contents.append(array.tobytes())
        else:
            tensor.contents.fp32_contents.extend(array.reshape(-1).tolist())
    return response


def _array(tensor: Any, raw: bytes | None, spec: TensorSpec) -> NDArray[np.float32]:
    shape = tuple(tensor.shape)
    if raw is None:
        return flat_numbers(list(tensor.contents.fp32_contents), shape, spec, False)
    if tensor.HasField("contents"):
        raise RequestError(f"expected {spec} either in contents or in raw_input_contents, got both")
    return from_bytes(raw, shape, spec)
