"""What a TensorFlow Serving has loaded, as it says itself."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.server.arrays import Arrays
from serving.server.errors import BackendError
from serving.server.signature import Signature
from serving.tfserving.messages import metadata_request, outputs_of, predict_request, signature_of
from serving.tfserving.remote import CHANNEL_OPTIONS, told
from serving.tfserving.rollout import CANDIDATE, STABLE, ModelState

_STATES = get_model_status_pb2.ModelVersionStatus.State
# A status is a few bytes: what takes longer is a server that doesn't answer.
STATUS_SECONDS = 5.0
# The first call of a compiled signature compiles, for seconds.
PROBE_SECONDS = 60.0


class ServerStatus:
    """Asks one server, from threads; not for an event loop.

    Args:
        target: `host:port` or `unix:path` of its gRPC.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self._channel = grpc.insecure_channel(target, CHANNEL_OPTIONS)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def __enter__(self) -> ServerStatus:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def versions(self, name: str) -> ModelState:
        """Available and failed versions of a model, without labels; nothing of a model that it doesn't know.

        Raises:
            BackendError: the server doesn't answer.
        """
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = name
        try:
            statuses = self._models.GetModelStatus(request, timeout=STATUS_SECONDS).model_version_status
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return ModelState()
            raise told(error) from error
        available = frozenset(int(one.version) for one in statuses if one.state == _STATES.AVAILABLE)
        failed = {int(one.version): one.status.error_message for one in statuses if _has_failed(one)}
        return ModelState(available, {}, failed)

    def state(self, name: str) -> ModelState:
        """Versions of a model and their labels.

        Raises:
            BackendError: the server doesn't answer.
        """
        found = self.versions(name)
        labels = {label: self._labelled(name, label) for label in (STABLE, CANDIDATE)} if found.available else {}
        given = {label: version for label, version in labels.items() if version is not None}
        return ModelState(found.available, given, found.failed)

    def signature(self, name: str, version: int) -> Signature:
        """What a version takes and gives.

        Raises:
            NotServedError: it isn't available.
            BackendError: the server doesn't answer, or the version is none of ours.
        """
        request = metadata_request(name, version)
        try:
            return signature_of(self._predictions.GetModelMetadata(request, timeout=STATUS_SECONDS))
        except grpc.RpcError as error:
            raise told(error) from error

    def timed_answer(
        self, name: str, version: int, inputs: Arrays, signature_name: str, signature: Signature
    ) -> tuple[Arrays, float]:
        """A signature's outputs for inputs [batch, ...], and the seconds that the call took.

        Raises:
            BackendError: the server doesn't answer, or has no such signature.
        """
        request = predict_request(name, version, inputs, signature_name)
        start = time.perf_counter()
        try:
            response = self._predictions.Predict(request, timeout=PROBE_SECONDS)
        except grpc.RpcError as error:
            raise BackendError(str(told(error))) from error
        seconds = time.perf_counter() - start
        return {key: np.asarray(value) for key, value in outputs_of(response, signature).items()}, seconds

    def _labelled(self, name: str, label: str) -> int | None:
        try:
            reply: Any = self._predictions.GetModelMetadata(metadata_request(name, label=label), timeout=STATUS_SECONDS)
        except grpc.RpcError as error:
            # INVALID_ARGUMENT "Unrecognized servable version label"; NOT_FOUND where its version is being unloaded.
            if error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND):
                return None
            raise told(error) from error
        return int(reply.model_spec.version.value)


def _has_failed(status: Any) -> bool:
    # A version that is being tried again is LOADING with the error of the last try.
    return bool(status.state == _STATES.END and status.status.error_code != 0)
