"""A gRPC server in KServe's event loop, started and drained with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import StatusCode, aio

from serving.kserve_sdk import ExceptionToStatusInterceptor, InvalidInput, ModelNotFound
from serving.server.errors import NotServedError, RequestError
from serving.server.signature import MAX_BODY_BYTES

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_BODY_BYTES),
    ("grpc.max_send_message_length", MAX_BODY_BYTES),
    # Without this a second server on the same port would silently take half of the requests.
    ("grpc.so_reuseport", 0),
)


class StatusInterceptor(ExceptionToStatusInterceptor):  # type: ignore[misc]  # KServe carries no types
    """Answers callers' mistakes with INVALID_ARGUMENT or NOT_FOUND, without a line in the log; the rest is KServe's."""

    async def handle_exception(self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str) -> None:
        """Ends the call with the status that the exception stands for."""
        if isinstance(ex, RequestError | InvalidInput):
            await context.abort(StatusCode.INVALID_ARGUMENT, str(ex))
        if isinstance(ex, NotServedError | ModelNotFound):
            await context.abort(StatusCode.NOT_FOUND, str(ex))
        await super().handle_exception(ex, request_or_iterator, context, method_name)


class GrpcServer:
    """One port with one or more services.

    Args:
        port: where to listen.
        register: adds the services to the server.
        record: interceptor that keeps a record of each call, failed or not.
    """

    def __init__(self, port: int, register: Callable[[Any], None], record: Any) -> None:
        self._port = port
        self._register = register
        self._record = record
        self._server: Any = None

    async def run(self) -> None:
        """Serves until stopped."""
        self._server = aio.server(interceptors=(self._record, StatusInterceptor()), options=_OPTIONS)
        self._register(self._server)
        self._server.add_insecure_port(f"[::]:{self._port}")
        await self._server.start()
        await self._server.wait_for_termination()

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more requests, and ends when those in flight have, or the grace is over."""
        if self._server is not None:
            await self._server.stop(grace_seconds)
