"""Readings that no forecast can be made from."""

from __future__ import annotations

from collections.abc import Sequence

from serving.forecasts import Refusal
from serving.server.errors import RequestError


class UnusableReadings(RequestError):  # noqa: N818
    """No series of the request can be forecast: HTTP 422, gRPC INVALID_ARGUMENT.

    Attributes:
        refused: each series, why it can't be forecast, and what to do.
    """

    def __init__(self, refused: Sequence[Refusal]) -> None:
        more = f"; and {len(refused) - 1} more series" if len(refused) > 1 else ""
        super().__init__(f"no series can be forecast: {refused[0]}{more}")
        self.refused = tuple(refused)
