"""Errors with TensorFlow's status codes, and what they are over HTTP and gRPC."""

from __future__ import annotations

import grpc

# tensorflow_serving/model_servers/http_server.cc, ToHTTPStatusCode
_HTTP = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# tensorflow_serving/model_servers/grpc_status_util.cc
_LONGEST = 1024


class StatusError(Exception):
    """A request, a load or a reload that failed.

    Args:
        code: the status' name, as in `INVALID_ARGUMENT`.
        message: its text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def http(self) -> int:
        """The HTTP status."""
        return _HTTP[self.code]

    @property
    def grpc(self) -> grpc.StatusCode:
        """The gRPC status."""
        return grpc.StatusCode[self.code]

    @property
    def number(self) -> int:
        """The status' number, the same in TensorFlow and gRPC."""
        return int(self.grpc.value[0])

    @property
    def details(self) -> str:
        """The text as gRPC sends it: cut when long."""
        return self.message if len(self.message) <= _LONGEST else f"{self.message[:_LONGEST]}...TRUNCATED"


def from_number(number: int, message: str) -> StatusError:
    """The error of a TensorFlow status."""
    return StatusError(_CODES[number].name, message)


def invalid(message: str) -> StatusError:
    """An INVALID_ARGUMENT error."""
    return StatusError("INVALID_ARGUMENT", message)
