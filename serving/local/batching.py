"""Asks what is waiting together, and large requests in pieces, so that neither holds up the other.

A lonely request is asked at once. While all threads are busy, what arrives waits and is then asked in one call; a large
request takes turns with the others piece by piece.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.server.arrays import Arrays

Call = Callable[[Arrays], Arrays]


@dataclass(eq=False)
class _Request:
    """Rows of one caller.

    Attributes:
        inputs: [batch, ...] by name.
        done: becomes the outputs [batch, ...] by name, or what was wrong.
        given: rows that are asked or answered, from the first.
        answered: outputs of pieces, by their first row.
    """

    inputs: Arrays
    done: asyncio.Future[Arrays]
    given: int = 0
    answered: dict[int, Arrays] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.inputs.values())))

    def deliver(self, start: int, outcome: Arrays | Exception) -> None:
        """Takes a piece's outputs or its failure; the last piece ends the request."""
        if self.done.done():
            return
        if isinstance(outcome, Exception):
            self.done.set_exception(outcome)
            return
        self.answered[start] = outcome
        if self.given == self.batch and sum(map(_rows, self.answered.values())) == self.batch:
            self.done.set_result(_joined([self.answered[first] for first in sorted(self.answered)]))


@dataclass(frozen=True)
class _Piece:
    request: _Request
    start: int
    inputs: Arrays


class Batches:
    """Shares one model's threads between the requests of one event loop.

    Args:
        call: outputs [batch, ...] by name for inputs [batch, ...] by name, each row on its own.
        most: rows asked in one call.
        calls: how many calls run at the same time.
        executor: threads for them.
    """

    def __init__(self, call: Call, most: int, calls: int, executor: Executor) -> None:
        self._call = call
        self._most = most
        self._free = calls
        self._executor = executor
        self._waiting: deque[_Request] = deque()
        # The event loop keeps only weak references to tasks.
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, inputs: Arrays) -> Arrays:
        """The outputs [batch, ...] by name.

        Raises:
            Exception: what the call raised for these rows.
        """
        request = _Request(inputs, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._start()
        return await request.done

    def _start(self) -> None:
        while self._free and (pieces := self._next_pieces()):
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._run(pieces))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _next_pieces(self) -> list[_Piece]:
        """What is asked next: a piece of a large request, or as many small ones as there is room for."""
        pieces: list[_Piece] = []
        room = self._most
        while self._waiting:
            request = self._waiting[0]
            if request.done.done():  # its caller has gone, or a piece of it has failed
                self._waiting.popleft()
                continue
            if pieces and request.batch > room:
                break
            self._waiting.popleft()
            piece = _take(request, room)
            pieces.append(piece)
            room -= _rows(piece.inputs)
            if request.given < request.batch:
                self._waiting.append(request)
            if room == 0:
                break
        return pieces

    async def _run(self, pieces: Sequence[_Piece]) -> None:
        try:
            loop = asyncio.get_running_loop()
            outcomes = await loop.run_in_executor(self._executor, _ask, self._call, pieces)
        except Exception as error:  # the executor takes no more calls
            outcomes = [error] * len(pieces)
        for piece, outcome in zip(pieces, outcomes, strict=True):
            piece.request.deliver(piece.start, outcome)
        self._free += 1
        self._start()


def _take(request: _Request, room: int) -> _Piece:
    start = request.given
    request.given = min(start + room, request.batch)
    if start == 0 and request.given == request.batch:
        return _Piece(request, 0, request.inputs)
    return _Piece(request, start, {name: array[start : request.given] for name, array in request.inputs.items()})


def _ask(call: Call, pieces: Sequence[_Piece]) -> Sequence[Arrays | Exception]:
    """Outputs or the failure of each piece: where asking them together fails, each is asked alone."""
    if len(pieces) == 1:
        return [_asked_alone(call, pieces[0])]
    try:
        outputs = call(_joined([piece.inputs for piece in pieces]))
    except Exception:  # whose rows were wrong is seen when each is asked alone
        return [_asked_alone(call, piece) for piece in pieces]
    ends = np.cumsum([_rows(piece.inputs) for piece in pieces])
    return [
        {name: array[end - _rows(piece.inputs) : end] for name, array in outputs.items()}
        for piece, end in zip(pieces, ends.tolist(), strict=True)
    ]


def _asked_alone(call: Call, piece: _Piece) -> Arrays | Exception:
    try:
        return call(piece.inputs)
    except Exception as error:  # told to its caller
        return error


def _joined(parts: Sequence[Arrays]) -> Arrays:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows(arrays: Any) -> int:
    return len(next(iter(arrays.values())))
