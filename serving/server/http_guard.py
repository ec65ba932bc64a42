"""What an HTTP request passes before it is answered: its key, its size, its time, and a place in the house."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from serving.server.admission import Admission, BodyBytes
from serving.server.errors import BusyError, TooLargeError
from serving.server.limits import SLOWEST_BYTES_A_SECOND, Limits
from serving.server.security import CHALLENGE, ApiKeys, is_open_path

RETRY_AFTER_SECONDS = 1
_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class _SlowBodyError(Exception):
    """A body that doesn't come."""


class GuardRequests:
    """ASGI middleware: 401 without a key, 413, 408 and 429 beyond the limits, 504 where no answer comes in time.

    Requests that only read (health, status, metrics, the page) take no place, so they are answered in a full house.

    Args:
        app: what answers.
        limits: sizes and times.
        admission: the requests of all protocols.
        keys: who may ask; None for everybody.
    """

    def __init__(self, app: _App, limits: Limits, admission: Admission, keys: ApiKeys | None) -> None:
        self._app = app
        self._limits = limits
        self._admission = admission
        self._keys = keys

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reads = scope["method"] in _READING_METHODS
        if self._keys is not None and not (reads and is_open_path(scope["path"])):
            headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
            if self._keys.owner(headers) is None:
                await _refuse(send, 401, "expected a key in the header Authorization: Bearer KEY, or x-api-key: KEY")
                return
        if reads:
            await self._app(scope, receive, send)
        else:
            await self._admit(scope, receive, send)

    async def _admit(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        try:
            self._admission.check_room()
            self._check_length(scope)
            with self._admission.body() as counted:
                body = await self._read(receive, counted)
                if body is None:
                    return
                with self._admission.place():
                    await self._answer(scope, body, receive, send)
        except BusyError as error:
            await _refuse(send, 429, str(error))
        except TooLargeError as error:
            await _refuse(send, 413, str(error))
        except _SlowBodyError:
            await _refuse(send, 408, "the body came too slowly, or not at all")

    def _check_length(self, scope: _Message) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._limits.max_body_bytes:
                raise self._too_large()

    async def _read(self, receive: _Receive, counted: BodyBytes) -> bytes | None:
        """The whole body; None where the caller has gone."""
        try:
            return await self._read_in_time(receive, counted)
        except TimeoutError as error:
            raise _SlowBodyError from error

    async def _read_in_time(self, receive: _Receive, counted: BodyBytes) -> bytes | None:
        parts: list[bytes] = []
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with asyncio.timeout(self._limits.body_timeout_seconds) as clock:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                part = message.get("body", b"")
                counted.add(len(part))
                if counted.count > self._limits.max_body_bytes:
                    raise self._too_large()
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
                allowed = self._limits.body_timeout_seconds + counted.count / SLOWEST_BYTES_A_SECOND
                clock.reschedule(begin + allowed)

    async def _answer(self, scope: _Message, body: bytes, receive: _Receive, send: _Send) -> None:
        started = False

        async def send_on(message: _Message) -> None:
            nonlocal started
            started = True
            # A caller that reads slowly is the connection's matter.
            clock.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self._limits.request_timeout_seconds) as clock:
                await self._app(scope, _replayed(body, receive), send_on)
        except TimeoutError:
            if started or not clock.expired():
                raise
            seconds = self._limits.request_timeout_seconds
            await _refuse(send, 504, f"no answer within {seconds:g} s: ask fewer windows at once")

    def _too_large(self) -> TooLargeError:
        most = self._limits.max_body_bytes
        return TooLargeError(f"expected a body of at most {most} bytes: send fewer windows at once")


def _replayed(body: bytes, receive: _Receive) -> _Receive:
    given = False

    async def next_message() -> _Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message


async def _refuse(send: _Send, status: int, text: str) -> None:
    content = orjson.dumps({"error": text})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", CHALLENGE.encode()))
    if status == 429:
        headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
    if status == 408:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
