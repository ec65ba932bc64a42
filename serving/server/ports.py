"""Whether the ports asked for are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from components.errors import InputError


def check_ports(ports: Mapping[str, int]) -> None:
    """Checks ports by option name.

    Raises:
        InputError: one is out of range, taken, given twice, or needs rights that this process lacks.
    """
    seen: dict[int, str] = {}
    for option, port in ports.items():
        if not 1 <= port <= 65535:
            raise InputError(option, f"{port} is no port", "give a number from 1 to 65535")
        if port in seen:
            raise InputError(option, f"port {port} is given to {seen[port]} too", "give each its own port")
        seen[port] = option
        _check_free(option, port)


def _check_free(option: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            problem = f"port {port} is in use by another program" if taken else f"port {port}: {error.strerror}"
            raise InputError(option, problem, f"stop that program, or give another port with {option}") from error
