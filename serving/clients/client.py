"""What every client gives, whichever protocol it speaks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError

ProtocolName = Literal["v1", "v2", "v2-grpc", "tfserving"]
PROTOCOLS: tuple[ProtocolName, ...] = ("v1", "v2", "v2-grpc", "tfserving")
OUTPUTS = ("forecast", "lower", "upper", "members", "weights", "spike_probability")
MAX_MESSAGE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Address:
    """A server's model, and how long to wait for an answer.

    Attributes:
        url: `http(s)://host:port[/path]` for REST, `grpc://host:port` (`grpcs://` with TLS) for gRPC.
        model: the model's name.
        timeout_seconds: for one request.
        key: API key, where the server wants one.
        ca: PEM file of the authority that signed the server's certificate; None trusts the system's.
    """

    url: str
    model: str
    timeout_seconds: float = 30.0
    key: str = field(default="", repr=False)
    ca: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What goes along with each request."""
        return {"x-api-key": self.key} if self.key else {}

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    @property
    def secure(self) -> bool:
        """Whether to speak TLS."""
        return urlsplit(self.url).scheme in ("https", "grpcs")


@dataclass(frozen=True)
class Answer:
    """Forecasts of a batch of windows, in the target's unit.

    Attributes:
        forecast: [batch, horizons].
        lower: [batch, horizons], the band's lower quantile.
        upper: [batch, horizons], the band's upper quantile.
        members: [batch, members, horizons], each member's forecast.
        weights: [batch, members, horizons].
        spike_probability: [batch].
        version: of the model that answered; None where the server doesn't say (V1 on TensorFlow Serving).
    """

    forecast: NDArray[np.float32]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    members: NDArray[np.float32]
    weights: NDArray[np.float32]
    spike_probability: NDArray[np.float32]
    version: int | None


class ForecastClient(Protocol):
    """Asks one model of one server."""

    def predict(self, window: NDArray[np.float32], future: NDArray[np.float32] | None = None) -> Answer:
        """Forecasts of windows [batch, window, columns], raw units; `future` [batch, longest horizon, known columns].

        Raises:
            InputError: no answer, or one that says what was wrong.
        """
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...


class Closing(ABC):
    """Lets a client be used in a `with` statement."""

    @abstractmethod
    def close(self) -> None:
        """Ends the connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tensors(window: NDArray[np.float32], future: NDArray[np.float32] | None) -> dict[str, NDArray[np.float32]]:
    """The inputs by their names on the wire, contiguous float32."""
    named = {"window": window} if future is None else {"window": window, "future": future}
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in named.items()}


def answer(outputs: dict[str, Any], version: str | int | None, address: Address) -> Answer:
    """An Answer of outputs by name.

    Raises:
        InputError: the server's model lacks one of our outputs.
    """
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        raise InputError(
            address.url,
            f"model {address.model} answers without {', '.join(missing)}",
            "ask a model that `sluice run` has published",
        )
    arrays = {name: np.asarray(outputs[name], dtype=np.float32) for name in OUTPUTS}
    return Answer(**arrays, version=int(version) if version not in (None, "") and str(version).isdecimal() else None)


def no_answer(address: Address) -> InputError:
    """Nothing listens there."""
    return InputError(address.url, "no server answers there", "start one with `sluice serve`, or check --url")


def too_slow(address: Address) -> InputError:
    """The server didn't answer in time."""
    return InputError(
        address.url, f"no answer within {address.timeout_seconds:g} s", "ask fewer windows at once, or a faster server"
    )


def not_served(address: Address, text: str) -> InputError:
    """The server has no such model."""
    return InputError(address.url, f"model {address.model}: {text}", "check --model, --url and --protocol")


def refused(address: Address, text: str) -> InputError:
    """The server says that the request is wrong."""
    return InputError(
        address.url,
        f"model {address.model} refuses the request: {text}",
        "check that the readings and the dataset file are those of the model",
    )


def unknown_caller(address: Address) -> InputError:
    """The server wants a key, or another one."""
    return InputError(
        address.url, "the server doesn't know this caller", "give --key-file, or set SLUICE_API_KEY, with a key of its"
    )


def busy(address: Address, text: str) -> InputError:
    """The server has no room now."""
    return InputError(address.url, f"the server is busy: {text}", "ask again in a few seconds")


def untrusted(ca: Path, error: Exception) -> InputError:
    """The file can't be used to trust a server."""
    return InputError(str(ca), f"holds no certificate that can be read: {error}", "give the authority's PEM file")


def broken(address: Address, text: str) -> InputError:
    """The server has failed."""
    return InputError(address.url, f"the server failed: {text}", "look at the server's log; --protocol may be wrong")
