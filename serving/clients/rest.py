"""What the REST clients share: one connection, and errors told as ours."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import orjson

from components.errors import InputError
from serving.clients.client import (
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


class RestClient(Closing):
    """Posts JSON to one server."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._http = httpx.Client(
            timeout=address.timeout_seconds, trust_env=False, headers=address.headers, verify=_trusted(address)
        )

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()

    def _post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        url = self._address.url.rstrip("/") + path
        content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        try:
            response = self._http.post(url, content=content, headers={"content-type": "application/json"})
        except httpx.TimeoutException as error:
            raise too_slow(self._address) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise no_answer(self._address) from error
        if response.is_success:
            return _object(response, self._address)
        raise _told(response, self._address)


def _trusted(address: Address) -> ssl.SSLContext | bool:
    if address.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(address.ca))
    except (OSError, ssl.SSLError) as error:
        raise untrusted(address.ca, error) from error


def _object(response: httpx.Response, address: Address) -> dict[str, Any]:
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise broken(address, "the answer isn't JSON") from error
    if not isinstance(document, dict):
        raise broken(address, "the answer isn't a JSON object")
    return document


def _told(response: httpx.Response, address: Address) -> InputError:
    try:
        text = str(orjson.loads(response.content)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        text = response.text[:200].strip() or response.reason_phrase
    if response.status_code == 401:
        return unknown_caller(address)
    if response.status_code == 429:
        return busy(address, text)
    if response.status_code == 404:
        return not_served(address, text)
    return refused(address, text) if response.status_code < 500 else broken(address, text)
