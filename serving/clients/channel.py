"""What the gRPC clients share: one channel, and errors told as ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from components.errors import InputError
from serving.clients.client import (
    MAX_MESSAGE_BYTES,
    Address,
    Closing,
    broken,
    busy,
    no_answer,
    not_served,
    refused,
    too_slow,
    unknown_caller,
    untrusted,
)


class GrpcClient(Closing):
    """Calls one server."""

    def __init__(self, address: Address) -> None:
        self._address = address
        options = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel = (
            grpc.secure_channel(address.host, _trusted(address), options)
            if address.secure
            else grpc.insecure_channel(address.host, options)
        )

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._address.timeout_seconds, metadata=tuple(self._address.headers.items()))
        except grpc.RpcError as error:
            raise _told(error, self._address) from error


def _trusted(address: Address) -> Any:
    try:
        return grpc.ssl_channel_credentials(address.ca.read_bytes() if address.ca else None)
    except OSError as error:
        raise untrusted(Path(str(address.ca)), error) from error


def _told(error: Any, address: Address) -> InputError:
    code, text = error.code(), error.details() or error.code().name
    # A server that stops cancels what it hasn't taken yet.
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return no_answer(address)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return too_slow(address)
    if code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED):
        return not_served(address, text)
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return unknown_caller(address)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return busy(address, text)
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE):
        return refused(address, text)
    return broken(address, text)
