"""What a gRPC call passes before it is answered: its key, its size, its time, and a place in the house."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import DecodeError
from grpc import HandlerCallDetails, RpcMethodHandler, StatusCode, aio, stream_unary_rpc_method_handler

from serving.server.admission import Admission
from serving.server.errors import BusyError
from serving.server.limits import Limits
from serving.server.security import CHALLENGE, ApiKeys, is_open_call

RETRY_AFTER_SECONDS = 1
# Trailers of a call have room for 8 KiB in all.
_MAX_DETAILS = 1000
# What only tells of the server is answered in a full house; the first three ask nothing, so nothing is read of them.
_UNREAD = ("ServerLive", "ServerReady", "ServerMetadata")
_TELLING = ("ModelReady", "ModelMetadata", "GetModelMetadata", "GetModelStatus", "Check")
_Answer = Callable[[Any, Any], Awaitable[Any]]


class GuardCalls(aio.ServerInterceptor):  # type: ignore[misc]  # grpc carries no types
    """gRPC interceptor: refuses what has no key, is no message, comes too slowly, is too much, or takes too long.

    A call is taken as a stream of one message. On the wire that is the same, but here the key and the place come before
    the message is read, and a message that can't be parsed is the caller's mistake, not an UNKNOWN error.

    Args:
        limits: sizes and times.
        admission: the requests of all protocols.
        keys: who may ask; None for everybody.
    """

    def __init__(self, limits: Limits, admission: Admission, keys: ApiKeys | None) -> None:
        self._limits = limits
        self._admission = admission
        self._keys = keys

    async def intercept_service(
        self, continuation: Callable[[HandlerCallDetails], Awaitable[Any]], handler_call_details: HandlerCallDetails
    ) -> RpcMethodHandler | None:
        """The guarded handler of a method; None where there is no such method."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = handler_call_details.method
        name = method.rpartition("/")[2]

        async def guarded(messages: Any, context: Any) -> Any:
            try:
                return await answered(messages, context)
            except aio.AbortError as error:
                # The call keeps this error: with its frames it would keep the message until the next full collection.
                error.__context__ = None
                raise error.with_traceback(None) from None

        async def answered(messages: Any, context: Any) -> Any:
            await self._check_key(method, context)
            if name in _UNREAD:
                return await handler.unary_unary(handler.request_deserializer(b""), context)
            if name in _TELLING:
                message = await self._message(messages, context)
                return await handler.unary_unary(await _parsed(handler, message, context), context)
            return await self._admitted(handler, messages, context)

        return stream_unary_rpc_method_handler(guarded, None, handler.response_serializer)

    async def _check_key(self, method: str, context: Any) -> None:
        if self._keys is None or is_open_call(method):
            return
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        if self._keys.owner(metadata) is None:
            text = "expected a key in the metadata authorization: Bearer KEY, or x-api-key: KEY"
            await end_call(context, StatusCode.UNAUTHENTICATED, text, ("www-authenticate", CHALLENGE))

    async def _message(self, messages: Any, context: Any) -> bytes:
        message: bytes | None = None
        try:
            with self._admission.reading():
                async with asyncio.timeout(self._limits.body_timeout_seconds):
                    message = await anext(aiter(messages), None)
        except TimeoutError:
            await end_call(context, StatusCode.DEADLINE_EXCEEDED, "the message came too slowly, or not at all")
        except BusyError as error:
            await refuse_busy(context, error)
        if message is None:
            await end_call(context, StatusCode.INVALID_ARGUMENT, "expected a message, got none")
        return message or b""

    async def _admitted(self, handler: Any, messages: Any, context: Any) -> Any:
        try:
            self._admission.check_room()
            message = await self._message(messages, context)
            with self._admission.body() as counted, self._admission.place():
                counted.add(len(message))
                request = await _parsed(handler, message, context)
                async with asyncio.timeout(self._limits.request_timeout_seconds):
                    return await handler.unary_unary(request, context)
        except BusyError as error:
            await refuse_busy(context, error)
        except TimeoutError:
            text = f"no answer within {self._limits.request_timeout_seconds:g} s: ask fewer windows at once"
            await end_call(context, StatusCode.DEADLINE_EXCEEDED, text)


async def end_call(context: Any, code: StatusCode, text: str, *trailers: tuple[str, str]) -> None:
    """Ends a call with a status, keeping the trailers that it has already."""
    shown = text if len(text) <= _MAX_DETAILS else text[: _MAX_DETAILS - 3] + "..."
    await context.abort(code, shown, (*(context.trailing_metadata() or ()), *trailers))


async def refuse_busy(context: Any, error: BusyError) -> None:
    """Ends a call that finds no room, saying when to come again as gRPC's own retries understand it."""
    await end_call(
        context,
        StatusCode.RESOURCE_EXHAUSTED,
        str(error),
        ("retry-after", str(RETRY_AFTER_SECONDS)),
        ("grpc-retry-pushback-ms", str(1000 * RETRY_AFTER_SECONDS)),
    )


async def _parsed(handler: Any, message: bytes, context: Any) -> Any:
    try:
        return handler.request_deserializer(message)
    except DecodeError:
        await end_call(context, StatusCode.INVALID_ARGUMENT, "expected a message of this method, got bytes of none")
