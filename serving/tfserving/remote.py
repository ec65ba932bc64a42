"""A version that answers in a TensorFlow Serving: asked by gRPC, by its number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import grpc
from grpc import StatusCode, aio
from opentelemetry import propagate
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.server.arrays import Arrays
from serving.server.backend import Answered, Backend, VersionFolder
from serving.server.errors import BackendError, BusyError, NotServedError, RequestError
from serving.server.signature import SIGNATURE_NAME, Signature
from serving.tfserving.messages import outputs_of, predict_request

# Unlimited: gRPC's own 4 MB hold 800 windows of 100 x 12; what is too large is refused before it comes here.
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    # A server that is started again shall be found within a second, not after gRPC's own two minutes at most.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
# The largest batch takes seconds on two cores.
DEADLINE_SECONDS = 60.0
_QUEUE_FULL = "batch scheduling queue"


class RemoteServer:
    """The connection to one server, made in the event loop that first asks through it, and kept for that loop.

    Args:
        target: `host:port` or `unix:path` of its gRPC.
        deadline_seconds: for one answer.
    """

    def __init__(self, target: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self.target = target
        self._deadline_seconds = deadline_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stub: Any = None

    async def predict(self, request: Any) -> Any:
        """The answer to a PredictRequest, with the trace that this task belongs to passed on.

        Raises:
            NotServedError: the version isn't there.
            BusyError: no thread or no room in the queue is free.
            RequestError: the inputs don't fit.
            BackendError: no answer in time, or none at all.
        """
        trace: dict[str, str] = {}
        propagate.inject(trace)
        try:
            return await self._stub_here().Predict(
                request, timeout=self._deadline_seconds, metadata=tuple(trace.items()) or None
            )
        except grpc.RpcError as error:
            raise told(error) from error

    def _stub_here(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._stub = prediction_service_pb2_grpc.PredictionServiceStub(
                aio.insecure_channel(self.target, options=CHANNEL_OPTIONS)
            )
            self._loop = loop
        return self._stub


@dataclass(frozen=True)
class RemoteBackend:
    """One version in a TensorFlow Serving.

    Attributes:
        name: the model's name.
        version: its number in the store.
        signature: what it takes and gives.
        folder: what the store says about it.
        server: where it is asked.
        successor: the version that answers for the model now, looked up anew; None where only this version may answer.
        one_by: the signature for single windows.
    """

    name: str
    version: int
    signature: Signature
    folder: VersionFolder
    server: RemoteServer
    successor: Callable[[str], Awaitable[Backend | None]] | None = None
    one_by: str = SIGNATURE_NAME

    def pinned(self) -> RemoteBackend:
        """The same, asked for by its number: no other version answers in its place."""
        return replace(self, successor=None)

    async def answer(self, inputs: Arrays) -> Answered:
        """The outputs for checked inputs [batch, ...] by name.

        A version that was unloaded between the choice and the question is replaced by its successor, once.

        Raises:
            NotServedError: it is gone, and only it may answer.
            BusyError: the server has no room for more now.
            BackendError: the server doesn't answer, or serves no version of the model.
        """
        try:
            return await self._asked(inputs)
        except NotServedError as error:
            if self.successor is None:
                raise
            other = await self.successor(self.name)
            if other is None or other.version == self.version or other.signature != self.signature:
                raise BackendError(f"{self.name}: TensorFlow Serving has no version of it ready") from error
        return await (other.pinned() if isinstance(other, RemoteBackend) else other).answer(inputs)

    async def _asked(self, inputs: Arrays) -> Answered:
        single = len(next(iter(inputs.values()))) == 1
        request = predict_request(self.name, self.version, inputs, self.one_by if single else SIGNATURE_NAME)
        response = await self.server.predict(request)
        return Answered(self.version, outputs_of(response, self.signature))


def told(error: Any) -> Exception:
    """A gRPC error of TensorFlow Serving as ours."""
    code, text = error.code(), (error.details() or error.code().name).splitlines()[0]
    if code is StatusCode.NOT_FOUND:
        return NotServedError(text)
    if code is StatusCode.RESOURCE_EXHAUSTED or (code is StatusCode.UNAVAILABLE and _QUEUE_FULL in text):
        return BusyError(f"TensorFlow Serving has no room for more now: {text}")
    if code is StatusCode.INVALID_ARGUMENT:
        return RequestError(text)
    if code is StatusCode.DEADLINE_EXCEEDED:
        return BackendError("TensorFlow Serving didn't answer in time")
    if code is StatusCode.UNAVAILABLE:
        return BackendError("TensorFlow Serving can't be reached")
    return BackendError(f"TensorFlow Serving: {text}")
