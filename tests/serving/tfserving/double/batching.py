"""Requests joined to batches, padded to an allowed size, as TensorFlow Serving's BatchingSession does.

Source: tensorflow_serving/batching/batching_session.cc, servables/tensorflow/bundle_factory_util.{h,cc}, and
TensorFlow's shared_batch_scheduler.h. Padding repeats the first row of the batch's first request.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from double.flags import CPUS
from double.saved_model import Tensors
from double.status import StatusError, invalid
from numpy.typing import NDArray

Run = Callable[[Tensors, list[str]], list[NDArray[Any]]]


@dataclass(frozen=True)
class BatchingLimits:
    """What `--batching_parameters_file` says, with TensorFlow Serving's defaults.

    Attributes:
        largest_request: rows of one request.
        largest_batch: rows asked at once.
        timeout_seconds: how long a request waits for others.
        queued_batches: how many may wait.
        threads: batches asked at a time.
        allowed_sizes: rows that the model may see; any where empty.
    """

    largest_request: int
    largest_batch: int
    timeout_seconds: float
    queued_batches: int
    threads: int
    allowed_sizes: tuple[int, ...]


def batching_limits(parameters: Any) -> BatchingLimits:
    """The limits of a BatchingParameters message.

    Raises:
        StatusError: they contradict each other; no version is then loaded.
    """
    largest = parameters.max_batch_size.value if parameters.HasField("max_batch_size") else 1000
    sizes = tuple(parameters.allowed_batch_sizes)
    if sizes and sizes[-1] != largest:
        raise invalid(
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
            f"{sizes[-1]}; expected {largest}"
        )
    if any(size <= before for before, size in pairwise(sizes)):
        raise invalid("allowed_batch_sizes entries must be monotonically increasing")
    batch = largest
    if parameters.enable_large_batch_splitting.value and parameters.HasField("max_execution_batch_size"):
        batch = parameters.max_execution_batch_size.value
    return BatchingLimits(
        largest_request=largest,
        largest_batch=batch,
        timeout_seconds=parameters.batch_timeout_micros.value / 1e6,
        queued_batches=parameters.max_enqueued_batches.value if parameters.HasField("max_enqueued_batches") else 10,
        threads=parameters.num_batch_threads.value if parameters.HasField("num_batch_threads") else CPUS,
        allowed_sizes=sizes,
    )


@dataclass
class _Task:
    inputs: Tensors
    rows: int
    arrived: float
    answered: Future[dict[str, NDArray[Any]]] = field(default_factory=Future)


class Batcher:
    """One queue for one signature of one version.

    Args:
        limits: sizes and waits.
        outputs: the graph's tensors of the signature; all are asked for, whatever a request wants.
        run: asks the graph.
    """

    def __init__(self, limits: BatchingLimits, outputs: list[str], run: Run) -> None:
        self._limits = limits
        self._outputs = outputs
        self._run = run
        self._waiting: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="batch")
        for _ in range(limits.threads):
            self._pool.submit(self._serve)

    def ask(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """The outputs by their names in the graph; waits for others to join.

        Raises:
            StatusError: too many rows, a full queue, or what the graph said.
        """
        rows = _rows(inputs)
        if rows > self._limits.largest_request:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {self._limits.largest_request}")
        parts = [
            _Task(_slice(inputs, start, start + self._limits.largest_batch), count, time.monotonic())
            for start, count in _split(rows, self._limits.largest_batch)
        ]
        with self._changed:
            queued = sum(task.rows for task in (*self._waiting, *parts))
            if queued > self._limits.queued_batches * self._limits.largest_batch:
                raise StatusError("UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full")
            self._waiting.extend(parts)
            self._changed.notify_all()
        answers = [part.answered.result() for part in parts]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in self._outputs}

    def close(self) -> None:
        """Ends the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._pool.shutdown()

    def _serve(self) -> None:
        while tasks := self._next_batch():
            try:
                self._answer(tasks)
            except BaseException as error:
                for task in tasks:
                    if not task.answered.done():
                        task.answered.set_exception(error)

    def _next_batch(self) -> list[_Task]:
        with self._changed:
            while not self._closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                wait = self._waiting[0].arrived + self._limits.timeout_seconds - time.monotonic()
                if wait <= 0 or sum(task.rows for task in self._waiting) >= self._limits.largest_batch:
                    return self._taken()
                self._changed.wait(wait)
            return []

    def _taken(self) -> list[_Task]:
        tasks = [self._waiting.popleft()]
        rows = tasks[0].rows
        while self._waiting and rows + self._waiting[0].rows <= self._limits.largest_batch:
            if {name: array.shape[1:] for name, array in self._waiting[0].inputs.items()} != {
                name: array.shape[1:] for name, array in tasks[0].inputs.items()
            }:
                break
            tasks.append(self._waiting.popleft())
            rows += tasks[-1].rows
        return tasks

    def _answer(self, tasks: list[_Task]) -> None:
        rows = sum(task.rows for task in tasks)
        padded = min((size for size in self._limits.allowed_sizes if size >= rows), default=rows)
        batch = {
            name: np.concatenate([*(task.inputs[name] for task in tasks), *([array[:1]] * (padded - rows))])
            for name, array in tasks[0].inputs.items()
        }
        outputs = dict(zip(self._outputs, self._run(batch, self._outputs), strict=True))
        for array in outputs.values():
            _check_batched(array, padded)
        start = 0
        for task in tasks:
            task.answered.set_result(_slice(outputs, start, start + task.rows))
            start += task.rows


def _rows(inputs: Tensors) -> int:
    if any(array.ndim == 0 for array in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    counts = {len(array) for array in inputs.values()}
    if len(counts) != 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return counts.pop()


def _check_batched(array: NDArray[Any], rows: int) -> None:
    if array.ndim == 0:
        raise StatusError("FAILED_PRECONDITION", "Batched output tensor has 0 dimensions")
    if len(array) != rows:
        raise StatusError(
            "FAILED_PRECONDITION",
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
        )


def _split(rows: int, most: int) -> list[tuple[int, int]]:
    return [(start, min(most, rows - start)) for start in range(0, rows, most)] or [(0, 0)]


def _slice(arrays: Tensors, start: int, stop: int) -> Tensors:
    return {name: array[start:stop] for name, array in arrays.items()}
