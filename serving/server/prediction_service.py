"""TensorFlow Serving's gRPC services: Predict, GetModelMetadata and GetModelStatus, answering as the real one does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.server.arrays import Arrays, check_shape, check_together, flat_numbers
from serving.server.backend import Backend
from serving.server.errors import RequestError
from serving.server.model import Question, StoreDataPlane, served
from serving.server.signature import SIGNATURE_NAME, Signature, TensorSpec
from serving.server.v2 import from_bytes


def register_prediction_services(server: Any, plane: StoreDataPlane) -> None:
    """Adds PredictionService and ModelService to a gRPC server."""
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_PredictionService(plane), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(plane), server)


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    def __init__(self, plane: StoreDataPlane) -> None:
        self._plane = plane

    async def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        backend = _backend(self._plane, request.model_spec)
        inputs = _inputs(request, backend.signature)
        names = _filtered(request, backend.signature)
        answered = await self._plane.ask(Question(backend, inputs), {})
        response = predict_pb2.PredictResponse()
        _fill_spec(response.model_spec, backend)
        for name in names:
            response.outputs[name].CopyFrom(_tensor(answered.outputs[name]))
        return response

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        backend = _backend(self._plane, request.model_spec)
        if list(request.metadata_field) != ["signature_def"]:
            raise RequestError(f'expected metadata_field ["signature_def"], got {list(request.metadata_field)}')
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        _fill_spec(response.model_spec, backend)
        response.model_spec.signature_name = ""
        response.metadata["signature_def"].Pack(_signature_defs(backend))
        return response


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    def __init__(self, plane: StoreDataPlane) -> None:
        self._plane = plane

    async def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        backend = _backend(self._plane, request.model_spec)
        response = get_model_status_pb2.GetModelStatusResponse()
        state = get_model_status_pb2.ModelVersionStatus.State.AVAILABLE
        status = response.model_version_status.add(version=backend.version, state=state)
        status.status.error_code = 0
        return response


def _backend(plane: StoreDataPlane, spec: Any) -> Backend:
    if spec.WhichOneof("version_choice") == "version_label":
        return served(plane, spec.name, label=spec.version_label)
    return served(plane, spec.name, str(spec.version.value) if spec.HasField("version") else "")


def _inputs(request: Any, signature: Signature) -> Arrays:
    asked = request.model_spec.signature_name
    if asked not in ("", SIGNATURE_NAME):
        raise RequestError(f'Serving signature name: "{asked}" not found in signature def; expected "{SIGNATURE_NAME}"')
    inputs: Arrays = {}
    for name, tensor in request.inputs.items():
        spec = signature.input(name)
        if spec is None:
            raise RequestError(f"expected {signature}, got a tensor named {name[:40]!r}")
        inputs[name] = _array(tensor, spec)
    check_together(inputs, signature)
    return inputs


def _array(tensor: Any, spec: TensorSpec) -> NDArray[np.float32]:
    if tensor.dtype != types_pb2.DT_FLOAT:
        known = tensor.dtype in types_pb2.DataType.values()
        raise RequestError(f"expected {spec}, got {types_pb2.DataType.Name(tensor.dtype) if known else tensor.dtype}")
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    check_shape(shape, spec)
    if tensor.tensor_content:
        return from_bytes(tensor.tensor_content, shape, spec)
    return flat_numbers(list(tensor.float_val), shape, spec, False)


def _filtered(request: Any, signature: Signature) -> tuple[str, ...]:
    names = tuple(request.output_filter) or signature.output_names()
    unknown = [name for name in names if name not in signature.output_names()]
    if unknown:
        raise RequestError(f"expected outputs among {', '.join(signature.output_names())}, got {unknown[0]!r}")
    return names


def _tensor(array: NDArray[np.float32]) -> Any:
    # Values as float_val, not tensor_content: what TensorFlow Serving sends, and what callers read.
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=array.reshape(-1).tolist())
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _fill_spec(spec: Any, backend: Backend) -> None:
    spec.name = backend.name
    spec.version.value = backend.version
    spec.signature_name = SIGNATURE_NAME


def _signature_defs(backend: Backend) -> Any:
    saved = saved_model_pb2.SavedModel.FromString((backend.folder.path / "saved_model.pb").read_bytes())
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in saved.meta_graphs[0].signature_def.items():
        signatures.signature_def[name].CopyFrom(definition)
    return signatures
