"""A server's leave: it says that it isn't ready before it closes its ports."""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import Any

from serving.server.model import StoreDataPlane


def unready_on_signal(server: Any, plane: StoreDataPlane, delay_seconds: float) -> None:
    """Has readiness turn false when uvicorn is told to end, so long before it closes its port.

    A load balancer that looks at readiness sends nobody to a closed port then. A second signal closes at once.

    Args:
        server: uvicorn's server, which calls its `handle_exit` on SIGTERM and SIGINT.
        plane: says whether the server is ready.
        delay_seconds: in which everything is still answered.
    """
    close = server.handle_exit

    def handle_exit(number: int, frame: FrameType | None) -> None:
        if plane.draining or not delay_seconds:
            plane.draining = True
            close(number, frame)
            return
        plane.draining = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, delay_seconds, close, number, frame)

    server.handle_exit = handle_exit
