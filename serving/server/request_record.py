"""One record for each request: who asked what, what was answered, and how long it took; for logs and metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from grpc import StatusCode
from grpc_interceptor import AsyncServerInterceptor
from opentelemetry import context as trace_context
from opentelemetry import propagate, trace

from serving.server.metrics import ServingMetrics

LOGGER = logging.getLogger("sluice.serving.requests")
REQUEST_ID = "x-request-id"
_KNOWN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_KINDS = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "bad_request",
    408: "timeout",
    413: "too_large",
    422: "unusable_readings",
    429: "busy",
    503: "backend",
    504: "timeout",
}
_GRPC_KINDS = {
    StatusCode.INVALID_ARGUMENT: "bad_request",
    StatusCode.UNAUTHENTICATED: "unauthorized",
    StatusCode.NOT_FOUND: "not_found",
    StatusCode.UNIMPLEMENTED: "not_found",
    StatusCode.DEADLINE_EXCEEDED: "timeout",
    StatusCode.CANCELLED: "timeout",
    StatusCode.RESOURCE_EXHAUSTED: "busy",
    StatusCode.UNAVAILABLE: "backend",
}
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


@dataclass
class RequestRecord:
    """What is known of the request that this task answers; filled in on its way.

    Attributes:
        request_id: the caller's, or a new one.
        protocol: `v1`, `v2`, `v2-grpc`, `tfserving`, `forecast` or `other`.
        target: path, or name of the gRPC method.
        model: name of the model that answered, empty before.
        version: its version.
        windows: how many were answered.
        failure: kind of the failure where its status doesn't tell.
    """

    request_id: str
    protocol: str
    target: str
    model: str = ""
    version: int = 0
    windows: int = 0
    failure: str = ""
    started: float = field(default_factory=time.perf_counter)

    def answered(self, model: str, version: int, windows: int) -> None:
        """A version has answered so many windows."""
        self.model, self.version, self.windows = model, version, self.windows + windows


_CURRENT: ContextVar[RequestRecord | None] = ContextVar("sluice_request", default=None)


def current_record() -> RequestRecord | None:
    """The record of the request that this task answers, if it answers one."""
    return _CURRENT.get()


class RecordRequests:
    """ASGI middleware: keeps the record of each HTTP request, and the trace that it belongs to.

    Args:
        app: what answers.
        metrics: told of each request to a model.
    """

    def __init__(self, app: _App, metrics: ServingMetrics) -> None:
        self._app = app
        self._ends = _Ends(metrics)

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        record = RequestRecord(_request_id(headers.get(REQUEST_ID)), _protocol(scope["path"]), scope["path"])
        status = 500

        async def send_with_id(message: _Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID.encode(), record.request_id.encode())]
            await send(message)

        token, trace_token = _CURRENT.set(record), trace_context.attach(propagate.extract(headers))
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            kind = "" if status < 400 else _KINDS.get(status, "internal" if status >= 500 else "bad_request")
            self._ends.ended(record, str(status), kind)
            trace_context.detach(trace_token)
            _CURRENT.reset(token)


class RecordCalls(AsyncServerInterceptor):
    """gRPC interceptor: keeps the record of each call, and the trace that it belongs to."""

    def __init__(self, metrics: ServingMetrics) -> None:
        self._ends = _Ends(metrics)

    async def intercept(
        self, method: Callable[..., Any], request_or_iterator: Any, context: Any, method_name: str
    ) -> Any:
        """Answers one call."""
        metadata = _texts(context.invocation_metadata() or ())
        protocol = "v2-grpc" if "inference.GRPCInferenceService" in method_name else "tfserving"
        record = RequestRecord(_request_id(metadata.get(REQUEST_ID)), protocol, method_name)
        token, trace_token = _CURRENT.set(record), trace_context.attach(propagate.extract(metadata))
        context.set_trailing_metadata(((REQUEST_ID, record.request_id),))
        failed = True
        try:
            answer = method(request_or_iterator, context)
            if not hasattr(answer, "__aiter__"):
                answer = await answer
            failed = False
            return answer
        finally:
            code = _code(context, failed)
            kind = "" if code is StatusCode.OK else record.failure or _GRPC_KINDS.get(code, "internal")
            self._ends.ended(record, code.name, kind)
            trace_context.detach(trace_token)
            _CURRENT.reset(token)


class _Ends:
    def __init__(self, metrics: ServingMetrics) -> None:
        self._metrics = metrics

    def ended(self, record: RequestRecord, status: str, kind: str) -> None:
        seconds = time.perf_counter() - record.started
        if kind:
            self._metrics.failed(record.protocol, kind)
        elif record.model:
            self._metrics.answered(record.model, record.version, record.protocol, seconds, record.windows)
        if LOGGER.isEnabledFor(logging.INFO):
            LOGGER.info("request", extra=_facts(record, status, kind, seconds))


def _facts(record: RequestRecord, status: str, kind: str, seconds: float) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "request_id": record.request_id,
        "protocol": record.protocol,
        "target": record.target,
        "status": status,
        "seconds": round(seconds, 6),
    }
    if record.model:
        facts |= {"model": record.model, "version": record.version, "windows": record.windows}
    if kind:
        facts["error"] = kind
    span = trace.get_current_span().get_span_context()
    return {**facts, "trace_id": trace.format_trace_id(span.trace_id)} if span.is_valid else facts


def _protocol(path: str) -> str:
    if path.startswith("/v1/timeseries/"):
        return "forecast"
    if path.startswith("/v1/models/"):
        return "v1"
    return "v2" if path.startswith("/v2/models/") else "other"


def _request_id(given: str | None) -> str:
    return given if given and _KNOWN_ID.fullmatch(given) else uuid.uuid4().hex


def _texts(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    return {key: value for key, value in metadata if isinstance(value, str)}


def _code(context: Any, failed: bool) -> StatusCode:
    code = context.code()
    if isinstance(code, StatusCode):
        return code
    known = {status.value[0]: status for status in StatusCode}
    return known.get(code or 0, StatusCode.UNKNOWN) if code or not failed else StatusCode.UNKNOWN
