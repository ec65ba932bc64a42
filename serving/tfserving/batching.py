"""Batching parameters of TensorFlow Serving, and how they are chosen from what batches cost.

Format: BatchingParameters in protobuf text form (tensorflow_serving/servables/tensorflow/session_bundle_config.proto).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FILE_NAME = "batching.config"
# A batch that runs holds up a request that comes meanwhile: two batches fit into the 100 ms that p99 may take.
LONGEST_BATCH_MS = 50.0
# Windows in one request; larger requests are split by the server into batches of `max_execution_batch_size`.
LARGEST_REQUEST = 4096


@dataclass(frozen=True)
class BatchingParameters:
    """How requests that wait together are answered together.

    Attributes:
        allowed_batch_sizes: ascending; a batch is padded with copies of its first row to the next of them.
        batch_timeout_micros: how long a lonely request waits for company; 0, since company forms by itself while
            another batch runs, and each microsecond here is added to every lonely answer.
        num_batch_threads: batches that run at once.
        max_enqueued_batches: beyond these the server refuses (UNAVAILABLE) instead of letting callers wait longer.
        max_batch_size: windows in one request.
    """

    allowed_batch_sizes: tuple[int, ...]
    batch_timeout_micros: int = 0
    num_batch_threads: int = 2
    max_enqueued_batches: int = 256
    max_batch_size: int = LARGEST_REQUEST

    def __post_init__(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes or list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] > self.max_batch_size:
            raise ValueError(f"allowed batch sizes must ascend from 1 to {self.max_batch_size}, got {sizes}")

    def text(self) -> str:
        """Text of the file."""
        values = {
            "max_batch_size": self.max_batch_size,
            "batch_timeout_micros": self.batch_timeout_micros,
            "max_enqueued_batches": self.max_enqueued_batches,
            "num_batch_threads": self.num_batch_threads,
            "max_execution_batch_size": self.allowed_batch_sizes[-1],
        }
        # bundle_factory_util.cc wants max_batch_size as the last allowed size; no batch gets so large.
        sizes = dict.fromkeys((*self.allowed_batch_sizes, self.max_batch_size))
        lines = [f"{name} {{ value: {value} }}" for name, value in values.items()]
        lines += ["enable_large_batch_splitting { value: true }", 'thread_pool_name { value: "forecast_batches" }']
        return "\n".join([*lines, *(f"allowed_batch_sizes: {size}" for size in sizes)]) + "\n"


def choose_batching(milliseconds: Mapping[int, float], cores: int) -> BatchingParameters | None:
    """Parameters for measured costs; None where windows cost no less together than one by one.

    Sizes are allowed up to the cheapest per window among those within LONGEST_BATCH_MS.

    Args:
        milliseconds: of one batch, by its size; size 1 is among them.
        cores: of the server.
    """
    fitting = {size: cost for size, cost in milliseconds.items() if size == 1 or cost <= LONGEST_BATCH_MS}
    best = min(fitting, key=lambda size: fitting[size] / size)
    # Below a fifth it isn't worth the copying and the padding.
    if fitting[best] / best > 0.8 * fitting[1]:
        return None
    sizes = tuple(sorted(size for size in fitting if size <= best))
    return BatchingParameters(sizes, num_batch_threads=max(1, cores))
