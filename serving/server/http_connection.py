"""One HTTP connection: uvicorn's own, which callers can't hold by doing nothing.

uvicorn times nothing but idle connections between requests: one that never sends its headers, or never reads its
answer, is kept for ever, and headers may have any size.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.server.limits import MAX_HEADER_BYTES, Limits

# For the rest of a body whose request is answered already, as nginx's lingering_time.
_LINGER_SECONDS = 5.0
# Bytes a second that a caller must take of a long answer.
_SLOWEST_READER = 1024


def limit_connections(config: Config, limits: Limits) -> None:
    """Has uvicorn serve each connection within the limits; called before the configuration is loaded."""
    config.http = type("LimitedConnection", (_Connection,), {"limits": limits})
    # No route of ours is one, and a connection that becomes one leaves our clocks.
    config.ws = "none"


class _Connection(HttpToolsProtocol):
    limits: Limits
    _head_bytes = 0
    _in_head = True
    _in_body = False
    _clock: asyncio.TimerHandle | None = None
    _write_clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections and not self._make_room():
            self._refuse(503)
            return
        self._arm(self.limits.header_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._readable()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._arm(self.limits.header_timeout_seconds)

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._in_body:
            self._arm(_LINGER_SECONDS)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        self._readable()
        super().resume_writing()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: a caller's mistake."""

    @property
    def _idle(self) -> bool:
        return self.timeout_keep_alive_task is not None and not self.transport.is_closing()

    def _make_room(self) -> bool:
        """Whether an idle connection could be closed for this one."""
        idle = next((one for one in self.connections if isinstance(one, _Connection) and one._idle), None)
        if idle is None:
            return False
        idle.transport.close()
        return True

    def _refuse(self, status: int) -> None:
        self.transport.write(STATUS_LINE[status] + b"retry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._clock = self.loop.call_later(seconds, self.transport.abort)

    def _disarm(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _watch_reader(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._write_clock = self.loop.call_later(self.limits.write_timeout_seconds, self._check_reader, left)

    def _check_reader(self, left_before: int) -> None:
        taken = left_before - self.transport.get_write_buffer_size()
        if taken < self.limits.write_timeout_seconds * _SLOWEST_READER:
            self.transport.abort()
        else:
            self._watch_reader()

    def _readable(self) -> None:
        if self._write_clock is not None:
            self._write_clock.cancel()
            self._write_clock = None
