"""Which versions of a model a server says that it serves, over V1 REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from serving.clients.client import Address

_STATUS_SECONDS = 5.0


@dataclass(frozen=True)
class Availability:
    """What the server says now.

    Attributes:
        available: versions that answer.
        failed: versions that could not be loaded, and why.
        problem: why nothing is known; empty otherwise.
    """

    available: frozenset[int] = frozenset()
    failed: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""


def availability(address: Address) -> Availability:
    """Asks `GET /v1/models/NAME`; a server that doesn't answer is an answer too."""
    url = f"{address.url.rstrip('/')}/v1/models/{address.model}"
    try:
        reply = httpx.get(
            url,
            headers=address.headers,
            timeout=_STATUS_SECONDS,
            verify=_trusted(address),
        )
        if reply.status_code != httpx.codes.OK:
            return Availability(problem=f"{url} answers {reply.status_code}")
        return _read(reply.json())
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return Availability(problem=f"{url}: {error or type(error).__name__}")


def _trusted(address: Address) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(address.ca)) if address.ca else True


def _read(facts: Mapping[str, Any]) -> Availability:
    available, failed = set(), {}
    for one in facts["model_version_status"]:
        if one["state"] == "AVAILABLE":
            available.add(int(one["version"]))
        elif one["state"] == "END" and one.get("status", {}).get("error_code", "OK") != "OK":
            failed[int(one["version"])] = str(one["status"].get("error_message", ""))
    return Availability(frozenset(available), failed)
