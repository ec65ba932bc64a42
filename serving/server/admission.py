"""Who is let in, and whose turn it is: a full house refuses at once, and small requests don't wait for large ones.

Three bounds, each in the unit that is scarce there: requests in the house (answered or waiting), bytes of their
bodies, and windows of those that wait for the backend. All in one event loop, so nothing here is locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from serving.server.errors import BusyError, RequestError
from serving.server.limits import SMALL_BODY_BYTES, SMALL_WINDOWS, Limits
from serving.server.metrics import ServingMetrics

_Answer = TypeVar("_Answer")


class Admission:
    """The requests of one server, of all its protocols together.

    Args:
        limits: how many, and how much.
        metrics: told how many are in flight.
    """

    def __init__(self, limits: Limits, metrics: ServingMetrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._places = limits.max_in_flight + limits.max_queue
        self._inside = 0
        self._reading = 0
        self._bytes = 0
        self._windows_waiting = 0
        self._small = asyncio.Semaphore(limits.max_in_flight)
        self._large = asyncio.Semaphore(limits.max_large_in_flight)

    def check_room(self) -> None:
        """Raises BusyError when no further request is let in; asked before its body is read."""
        if self._inside >= self._places:
            raise BusyError(f"{self._inside} requests are being answered or wait: ask again in a second")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the house for one request whose body is read.

        Raises:
            BusyError: the house is full.
        """
        self.check_room()
        self._inside += 1
        self._metrics.in_flight(self._inside)
        try:
            yield
        finally:
            self._inside -= 1
            self._metrics.in_flight(self._inside)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A place for one message that is read as a whole, so that its bytes can be counted only afterwards.

        Raises:
            BusyError: too many are being read.
        """
        if self._reading >= self._places:
            raise BusyError(f"{self._reading} messages are being read: ask again in a second")
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1

    def body(self) -> BodyBytes:
        """The count of one body's bytes."""
        return BodyBytes(self)

    async def turn(self, windows: int, work: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Does the work of so many windows when it is its turn.

        The turn lasts as long as the work, also where the caller has gone: a thread can't be called back.

        Raises:
            BusyError: too many windows wait already.
            RequestError: more windows than one request may have.
        """
        if windows > self._limits.max_batch:
            raise RequestError(f"expected n from 1 to {self._limits.max_batch} windows, got n = {windows}")
        lane = self._small if windows <= SMALL_WINDOWS else self._large
        await self._wait(lane, windows)
        try:
            task = asyncio.ensure_future(work())
        except BaseException:
            lane.release()
            raise
        task.add_done_callback(lambda done: _ended(done, lane))
        return await asyncio.shield(task)

    async def _wait(self, lane: asyncio.Semaphore, windows: int) -> None:
        if lane.locked() and self._windows_waiting + windows > self._limits.max_queued_windows:
            raise BusyError(f"{self._windows_waiting} windows wait for an answer: ask again in a second")
        self._windows_waiting += windows
        try:
            await lane.acquire()
        finally:
            self._windows_waiting -= windows

    def _take(self, count: int, held: int) -> None:
        limits = self._limits
        # Small bodies are read even when large ones fill the rest.
        if held + count > SMALL_BODY_BYTES and self._bytes + count > limits.max_bodies_bytes:
            raise BusyError(f"{self._bytes} bytes of requests are being read or answered: ask again in a second")
        self._bytes += count

    def _give(self, count: int) -> None:
        self._bytes -= count


class BodyBytes:
    """The bytes of one body, counted until the request has ended."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.count = 0

    def add(self, count: int) -> None:
        """Counts further bytes.

        Raises:
            BusyError: all bodies together have too many.
        """
        self._admission._take(count, self.count)
        self.count += count

    def __enter__(self) -> BodyBytes:
        return self

    def __exit__(self, *_: object) -> None:
        self._admission._give(self.count)


def _ended(task: asyncio.Future[_Answer], lane: asyncio.Semaphore) -> None:
    lane.release()
    # Asking for the error marks it as seen where its caller has gone.
    if not task.cancelled():
        task.exception()
