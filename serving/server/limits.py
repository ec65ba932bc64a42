"""How much one server takes on: sizes, times, and how many requests at once."""

from __future__ import annotations

from dataclasses import dataclass

from components.errors import InputError
from serving.server.signature import MAX_BATCH, MAX_BODY_BYTES

# Requests up to this many windows never wait for a larger one.
SMALL_WINDOWS = 64
# Bodies up to this size are always read: connections bound their sum.
SMALL_BODY_BYTES = 256 * 1024
# A body has its time-out, and then a second for each so many bytes that have come.
SLOWEST_BYTES_A_SECOND = 64 * 1024
MAX_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """What a server refuses, so that what it takes is answered in time.

    Attributes:
        max_body_bytes: of one HTTP body or gRPC message.
        max_bodies_bytes: of all bodies that are being read or answered, together.
        max_batch: windows in one request.
        max_in_flight: requests that are answered at the same time.
        max_large_in_flight: requests of more than 64 windows among them; fewer than the backend's threads, so that
            small ones find one.
        max_queue: requests that wait for their turn.
        max_queued_windows: windows in the requests that wait.
        request_timeout_seconds: from a body's last byte to the answer's first.
        body_timeout_seconds: for a body, besides a second for each 64 KiB of it.
        header_timeout_seconds: from a connection's, or a further request's, first byte to the end of its headers.
        write_timeout_seconds: for a caller that has stopped reading its answer.
        keep_alive_seconds: that an idle connection is kept; longer than a proxy's, which otherwise reuses a closed one.
        max_connections: HTTP connections at the same time.
        drain_delay_seconds: from SIGTERM, when readiness turns false, to the closing of the ports.

    Raises:
        InputError: a number that can't be.
    """

    max_body_bytes: int = MAX_BODY_BYTES
    max_bodies_bytes: int = 4 * MAX_BODY_BYTES
    max_batch: int = MAX_BATCH
    max_in_flight: int = 32
    max_large_in_flight: int = 1
    max_queue: int = 128
    max_queued_windows: int = 4 * MAX_BATCH
    request_timeout_seconds: float = 30.0
    body_timeout_seconds: float = 10.0
    header_timeout_seconds: float = 10.0
    write_timeout_seconds: float = 30.0
    keep_alive_seconds: int = 65
    max_connections: int = 1024
    drain_delay_seconds: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            least = 0 if name in ("max_queue", "max_queued_windows", "drain_delay_seconds") else None
            if value < 0 or (value == 0 and least is None):
                raise _wrong(name, f"{value} is too little", "give a number above 0")
        if self.max_batch > MAX_BATCH:
            raise _wrong("max_batch", f"{self.max_batch} windows are too many", f"give {MAX_BATCH} at most")
        if self.max_bodies_bytes < self.max_body_bytes:
            raise _wrong("max_bodies_bytes", "is less than one body may have", "raise it, or lower max_body_bytes")


def _wrong(name: str, problem: str, fix: str) -> InputError:
    return InputError(f"--{name.replace('_', '-')}", problem, fix)
