"""The client for a URL and a protocol."""

from __future__ import annotations

from urllib.parse import urlsplit

from components.errors import InputError
from serving.clients.client import PROTOCOLS, Address, ForecastClient, ProtocolName

_SCHEMES = {
    "v1": ("http", "https"),
    "v2": ("http", "https"),
    "v2-grpc": ("grpc", "grpcs"),
    "tfserving": ("grpc", "grpcs"),
}


def connect(address: Address, protocol: str | None) -> ForecastClient:
    """A client; without a protocol V1 for `http://` and V2 gRPC for `grpc://`.

    Raises:
        InputError: the URL or the protocol isn't one, or they don't go together.
    """
    match _checked(address.url, protocol):
        case "v1":
            from serving.clients.v1 import V1Client

            return V1Client(address)
        case "v2":
            from serving.clients.v2 import V2Client

            return V2Client(address)
        case "v2-grpc":
            from serving.clients.v2_grpc import V2GrpcClient

            return V2GrpcClient(address)
        case "tfserving":
            from serving.clients.tfserving import TFServingClient

            return TFServingClient(address)


def _checked(url: str, protocol: str | None) -> ProtocolName:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "grpc", "grpcs") or not parts.netloc:
        raise InputError("--url", f"{url!r} is no address of a server", "write http://host:port or grpc://host:port")
    if protocol is None:
        return "v1" if parts.scheme.startswith("http") else "v2-grpc"
    chosen = next((name for name in PROTOCOLS if name == protocol), None)
    if chosen is None:
        raise InputError("--protocol", f"{protocol!r} is no protocol", f"choose from {', '.join(PROTOCOLS)}")
    if parts.scheme not in _SCHEMES[chosen]:
        raise InputError(
            "--url", f"{chosen} isn't spoken over {parts.scheme}://", f"write {_SCHEMES[chosen][0]}://host:port"
        )
    return chosen
