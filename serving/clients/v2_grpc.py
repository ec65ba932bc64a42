"""Asks over the V2 protocol (Open Inference Protocol), gRPC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serving.clients.channel import GrpcClient
from serving.clients.client import Address, Answer, answer, tensors
from serving.kserve_sdk import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc


class V2GrpcClient(GrpcClient):
    """`inference.GRPCInferenceService/ModelInfer` with raw FP32 tensors."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def predict(self, window: NDArray[np.float32], future: NDArray[np.float32] | None = None) -> Answer:
        """See ForecastClient.predict."""
        request = grpc_predict_v2_pb2.ModelInferRequest(model_name=self._address.model)
        for name, array in tensors(window, future).items():
            request.inputs.add(name=name, datatype="FP32", shape=array.shape)
            request.raw_input_contents.append(array.tobytes())
        reply = self._call(self._stub.ModelInfer, request)
        outputs = {}
        for index, output in enumerate(reply.outputs):
            raw = reply.raw_output_contents
            values = np.frombuffer(raw[index], "<f4") if raw else np.array(output.contents.fp32_contents, np.float32)
            outputs[output.name] = values.reshape(list(output.shape))
        return answer(outputs, reply.model_version, self._address)
