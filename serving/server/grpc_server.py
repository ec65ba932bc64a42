"""A gRPC server in KServe's event loop, started and drained with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
from grpc import StatusCode, aio

from components.errors import InputError
from serving.kserve_sdk import ExceptionToStatusInterceptor, InvalidInput, ModelNotFound
from serving.server.errors import BackendError, BusyError, NotServedError, RequestError
from serving.server.grpc_guard import end_call, refuse_busy
from serving.server.limits import Limits
from serving.server.request_record import current_record
from serving.server.security import Security
from serving.transformer.errors import UnusableReadings

# Peers that are gone without a word are found out.
_KEEP_ALIVE_MS, _KEEP_ALIVE_TIMEOUT_MS = 60_000, 20_000


class StatusInterceptor(ExceptionToStatusInterceptor):  # type: ignore[misc]  # KServe carries no types
    """Ends a failed call with the status that its exception stands for; callers' mistakes leave no line in the log."""

    async def handle_exception(self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str) -> None:
        """Ends the call."""
        record = current_record()
        if record is not None and isinstance(ex, UnusableReadings):
            record.failure = "unusable_readings"
        if isinstance(ex, RequestError | InvalidInput):
            await end_call(context, StatusCode.INVALID_ARGUMENT, str(ex))
        if isinstance(ex, NotServedError | ModelNotFound):
            await end_call(context, StatusCode.NOT_FOUND, str(ex))
        if isinstance(ex, BusyError):
            await refuse_busy(context, ex)
        if isinstance(ex, BackendError):
            await end_call(context, StatusCode.UNAVAILABLE, str(ex))
        if isinstance(ex, NotImplementedError):
            await end_call(context, StatusCode.UNIMPLEMENTED, f"{method_name} isn't answered here")
        await super().handle_exception(ex, request_or_iterator, context, method_name)


class GrpcServer:
    """One port with one or more services.

    Args:
        port: where to listen.
        register: adds the services to the server.
        interceptors: what each call passes, outermost first.
        limits: sizes and times.
        security: its certificate, if any.
    """

    def __init__(
        self,
        port: int,
        register: Callable[[Any], None],
        interceptors: Sequence[Any],
        limits: Limits,
        security: Security,
    ) -> None:
        self._port = port
        self._register = register
        self._interceptors = (*interceptors, StatusInterceptor())
        self._limits = limits
        self._security = security
        self._server: Any = None

    async def run(self) -> None:
        """Serves until stopped."""
        self._server = aio.server(interceptors=self._interceptors, options=_options(self._limits))
        self._register(self._server)
        address = f"[::]:{self._port}"
        if self._security.tls_cert and self._security.tls_key:
            credentials = _credentials(self._security.tls_cert, self._security.tls_key)
            self._server.add_secure_port(address, credentials)
        else:
            self._server.add_insecure_port(address)
        await self._server.start()
        await self._server.wait_for_termination()

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more requests, and ends when those in flight have, or the grace is over."""
        if self._server is not None:
            await self._server.stop(grace_seconds)


def _options(limits: Limits) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.max_receive_message_length", limits.max_body_bytes),
        ("grpc.max_send_message_length", limits.max_body_bytes),
        # Without this a second server on the same port would silently take half of the requests.
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", limits.max_connections),
        ("grpc.max_allowed_incoming_connections", limits.max_connections),
        ("grpc.server_handshake_timeout_ms", int(1000 * limits.header_timeout_seconds)),
        ("grpc.keepalive_time_ms", _KEEP_ALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEP_ALIVE_TIMEOUT_MS),
    )


def _credentials(cert: Path, key: Path) -> Any:
    """Credentials that follow the files: a renewed certificate is used from the next connection on."""
    seen = _stamps(cert, key)

    def renewed() -> Any:
        nonlocal seen
        try:
            stamps = _stamps(cert, key)
            if stamps == seen:
                return None
            Security(tls_cert=cert, tls_key=key).check()
            configuration, seen = _configuration(cert, key), stamps
        except (OSError, InputError):
            # Half of a renewal: the next connection looks again.
            return None
        return configuration

    return grpc.dynamic_ssl_server_credentials(_configuration(cert, key), renewed)


def _configuration(cert: Path, key: Path) -> Any:
    return grpc.ssl_server_certificate_configuration([(key.read_bytes(), cert.read_bytes())])


def _stamps(*paths: Path) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns for path in paths)
