"""Asks TensorFlow Serving's PredictionService over gRPC."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.clients.channel import GrpcClient
from serving.clients.client import Address, Answer, answer, tensors


class TFServingClient(GrpcClient):
    """`tensorflow.serving.PredictionService/Predict`."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, window: NDArray[np.float32], future: NDArray[np.float32] | None = None) -> Answer:
        """See ForecastClient.predict."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._address.model
        for name, array in tensors(window, future).items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        reply = self._call(self._stub.Predict, request)
        outputs = {name: tf.make_ndarray(tensor) for name, tensor in reply.outputs.items()}
        version = reply.model_spec.version.value if reply.model_spec.HasField("version") else None
        return answer(outputs, version, self._address)
