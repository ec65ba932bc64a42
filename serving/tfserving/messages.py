"""Arrays and signatures as TensorFlow Serving's messages, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from serving.server.arrays import Arrays
from serving.server.errors import BackendError
from serving.server.signature import OUTPUTS, SIGNATURE_NAME, Signature, TensorSpec

SIGNATURE_DEF = "signature_def"


def predict_request(
    name: str, version: int, inputs: Mapping[str, NDArray[np.float32]], signature_name: str = SIGNATURE_NAME
) -> Any:
    """A PredictRequest to one version, by its number, for inputs [batch, ...] by name."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.version.value = version
    request.model_spec.signature_name = signature_name
    for key, array in inputs.items():
        tensor = request.inputs[key]
        tensor.dtype = types_pb2.DT_FLOAT
        for size in array.shape:
            tensor.tensor_shape.dim.add(size=size)
        # Bytes: a hundred times faster to write and to read than a list of numbers.
        tensor.tensor_content = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return request


def outputs_of(response: Any, signature: Signature) -> Arrays:
    """The outputs [batch, ...] by name of a PredictResponse, in the signature's order.

    Raises:
        BackendError: it lacks an output, or one isn't float32 of its own shape.
    """
    try:
        return {name: _array(response.outputs[name]) for name in signature.output_names()}
    except ValueError as error:
        raise BackendError(f"TensorFlow Serving answered what can't be read: {error}") from error


def metadata_request(name: str, version: int | None = None, label: str = "") -> Any:
    """A GetModelMetadataRequest for the signatures of a version, by its number or label."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[SIGNATURE_DEF])
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    elif label:
        request.model_spec.version_label = label
    return request


def signature_of(response: Any) -> Signature:
    """The plain signature in a GetModelMetadataResponse.

    Raises:
        BackendError: the model isn't one of ours.
    """
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[SIGNATURE_DEF].Unpack(signatures)
    definition = signatures.signature_def[SIGNATURE_NAME]
    lacking = [name for name in OUTPUTS if name not in definition.outputs]
    lacking += [] if "window" in definition.inputs else ["window"]
    if lacking:
        raise BackendError(f"the model lacks {', '.join(lacking)} in its signature {SIGNATURE_NAME}")
    taken = sorted(definition.inputs, key=lambda name: (name != "window", name))
    inputs = tuple(_spec(name, definition.inputs[name]) for name in taken)
    return Signature(inputs, tuple(_spec(name, definition.outputs[name]) for name in OUTPUTS))


def _array(tensor: tensor_pb2.TensorProto) -> NDArray[np.float32]:
    if tensor.dtype != types_pb2.DT_FLOAT:
        raise ValueError(f"expected DT_FLOAT, got {types_pb2.DataType.Name(tensor.dtype)}")
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype="<f4").reshape(shape)
    values = np.array(tensor.float_val, dtype=np.float32)
    # One value stands for all where all are equal (tensor.proto, version 1).
    return np.full(shape, values[-1], np.float32) if 0 < values.size < np.prod(shape) else values.reshape(shape)


def _spec(name: str, info: Any) -> TensorSpec:
    return TensorSpec(name, tuple(int(dimension.size) for dimension in info.tensor_shape.dim[1:]))
