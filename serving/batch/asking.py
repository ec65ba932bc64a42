"""Who answers the windows: the champion, loaded here, or a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from components.errors import InputError
from components.preprocess.last_window import LastWindow
from serving.batch.model import BatchModel
from serving.batch.request import BatchRequest
from serving.clients.client import Address, Answer, ForecastClient, tensors


class Asked(Protocol):
    """Answers windows.

    Attributes:
        version: that will answer; 0 while only the server knows.
    """

    @property
    def version(self) -> int: ...  # noqa: D102

    def load(self) -> None:
        """Gets ready to answer."""
        ...

    def ask(self, windows: Sequence[LastWindow]) -> Answer:
        """One answer for all windows; its version is known."""
        ...

    def close(self) -> None:
        """Ends the connection, where there is one."""
        ...


def whom_to_ask(request: BatchRequest, model: BatchModel) -> Asked:
    """The server of the request, else the model's champion."""
    if not request.url:
        return _Champion(model)
    from serving.clients.connect import connect

    address = Address(request.url, model.name, request.timeout_seconds, request.key, request.ca)
    return _Server(connect(address, request.protocol or None), address)


class _Champion:
    """The version that was champion at the start; loading it takes seconds."""

    def __init__(self, model: BatchModel) -> None:
        self._model = model

    @property
    def version(self) -> int:
        return self._model.champion

    @cached_property
    def _answer(self) -> Callable[..., dict[str, np.ndarray]]:
        from serving.quiet_tensorflow import import_quietly

        import_quietly()
        from serving.local.servable import load_servable

        assert self._model.store is not None
        folder = self._model.store.path(self._model.name, self.version)
        return load_servable(self._model.name, self.version, folder).answer

    def load(self) -> None:
        _ = self._answer

    def ask(self, windows: Sequence[LastWindow]) -> Answer:
        return Answer(**self._answer(tensors(*_stacked(windows))), version=self.version)

    def close(self) -> None:
        pass


class _Server:
    """A server's model."""

    version = 0

    def __init__(self, client: ForecastClient, address: Address) -> None:
        self._client = client
        self._address = address

    def load(self) -> None:
        pass

    def ask(self, windows: Sequence[LastWindow]) -> Answer:
        answer = self._client.predict(*_stacked(windows))
        if answer.version is None:
            raise InputError(
                self._address.url,
                "the server doesn't say which version answers, so rows couldn't be told apart",
                "ask by gRPC: --url grpc://HOST:PORT",
            )
        return answer

    def close(self) -> None:
        self._client.close()


def _stacked(windows: Sequence[LastWindow]) -> tuple[np.ndarray, np.ndarray | None]:
    futures = [window.future for window in windows if window.future is not None]
    return np.stack([window.values for window in windows]), np.stack(futures) if futures else None
