"""Keeps a server's champions and candidates in step with the versions that a TensorFlow Serving really has.

For the transformer's container too, which has the server's address and the store, and starts nothing:

    server = ForecastServer(...)
    with Follower(ModelStore(folder), "predictor:9000", server) as follower:
        follower.check()                              # before the server runs: shows what is there already
        thread = threading.Thread(target=follower.run, args=(stop, 1.0)); thread.start()
        server.run()
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol

from components.deploy.pointers import Champion
from components.deploy.store import ModelStore
from components.errors import InputError
from serving.local.verified import RefusedVersionError, check_version
from serving.server.backend import Backend, VersionFolder
from serving.server.errors import BackendError, NotServedError
from serving.server.metrics import ServingMetrics
from serving.tfserving.compiled import with_faster_single
from serving.tfserving.remote import RemoteBackend, RemoteServer
from serving.tfserving.status import ServerStatus

LOGGER = logging.getLogger("sluice.serving")


class Shows(Protocol):
    """What shows versions to callers: the ForecastServer."""

    metrics: ServingMetrics

    def show(self, backend: Backend) -> None:
        """Serves a version as its model's champion from now on."""
        ...

    def stage(self, name: str, candidate: Backend | None) -> None:
        """Serves a version beside a model's champion, or no longer."""
        ...


class Follower:
    """Shows each model's champion as soon as TensorFlow Serving has it; until then, what it has.

    Versions that aren't in the store, or not as they were published, are never shown. Every method may be called from
    any thread.

    Args:
        store: where champions and candidates are said.
        target: `host:port` or `unix:path` of TensorFlow Serving's gRPC.
        shows: takes what answers from now on.
        compiled: try the compiled signature for single windows (a server with --xla_cpu_compilation_enabled and
            without batching), and keep it where it is faster.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        store: ModelStore,
        target: str,
        shows: Shows,
        compiled: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._shows = shows
        self.status = ServerStatus(target)
        self._remote = RemoteServer(target)
        self._compiled = compiled
        self._clock = clock
        self._lock = threading.Lock()
        self._checked_at = -1.0
        self._stable: dict[str, RemoteBackend] = {}
        self._candidate: dict[str, RemoteBackend] = {}
        self._untried: list[RemoteBackend] = []
        self._whole: set[Path] = set()
        self._told: dict[str, Champion] = {}
        self._problems: dict[str, str] = {}

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.status.close()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with each model that can't be followed."""
        return tuple(self._problems.values())

    @property
    def shown(self) -> dict[str, int]:
        """The version that answers, by model."""
        return {name: backend.version for name, backend in self._stable.items()}

    def check(self) -> None:
        """Asks what is served now, and shows what has changed; a server that doesn't answer changes nothing."""
        with self._lock:
            self._check()

    async def successor(self, name: str) -> Backend | None:
        """The version that answers for a model, asked anew; questions that wait together share one look."""
        asked_at = self._clock()
        await asyncio.to_thread(self._check_since, asked_at)
        return self._stable.get(name)

    def run(self, stop: threading.Event, poll_seconds: float) -> None:
        """Looks again and again until told to stop."""
        while not stop.wait(poll_seconds):
            self.check()
            self.tune()

    def tune(self) -> None:
        """Moves the next newly shown version to its compiled signature if that is faster; takes seconds."""
        if not self._untried:
            return
        plain = self._untried.pop(0)
        faster = with_faster_single(plain, self.status)
        with self._lock:
            if faster is not plain and self._stable.get(plain.name) is plain:
                self._stable[plain.name] = faster
                self._shows.show(faster)

    def _check_since(self, asked_at: float) -> None:
        with self._lock:
            if self._checked_at <= asked_at:
                self._check()

    def _check(self) -> None:
        started = self._clock()
        try:
            for name in {*self._store.models(), *self._stable}:
                self._check_model(name)
        except (OSError, InputError, BackendError) as error:
            self._problem("", error)
            return
        self._problems.pop("", None)
        self._checked_at = started

    def _check_model(self, name: str) -> None:
        available = self.status.versions(name).available & set(self._store.versions(name))
        try:
            stable, candidate = self._wanted(name, available)
            if stable is not None and stable != self.shown.get(name):
                self._show(self._backend(name, stable))
            self._stage(name, candidate)
        except (InputError, NotServedError, RefusedVersionError) as error:
            self._problem(name, error)
            return
        self._problems.pop(name, None)

    def _wanted(self, name: str, available: frozenset[int]) -> tuple[int | None, int | None]:
        champion = self._store.champion(name)
        candidate = self._store.candidate(name)
        stable = champion.version if champion else None
        if champion is not None and stable == self.shown.get(name) and self._told.get(name) != champion:
            self._told[name] = champion
            self._shows.metrics.champion(name, champion.version, datetime.fromisoformat(champion.at).timestamp())
        if stable not in available:
            stable = self.shown.get(name)
        if stable not in available:
            # No champion is there (yet): what TensorFlow Serving has instead is better than no answer.
            stable = max(available, default=None)
        return stable, candidate if candidate in available and candidate != stable else None

    def _backend(self, name: str, version: int) -> RemoteBackend:
        folder = VersionFolder(self._store.path(name, version))
        if folder.path not in self._whole:
            check_version(self._store, name, version)
            self._whole.add(folder.path)
        # Read now, as the version may be removed from the store while it answers; told when it is asked for.
        with suppress(InputError, OSError, ValueError):
            _ = folder.dataset, folder.card
        return RemoteBackend(name, version, self.status.signature(name, version), folder, self._remote, self.successor)

    def _show(self, backend: RemoteBackend) -> None:
        before = self._stable.get(backend.name)
        self._stable[backend.name] = backend
        self._shows.show(backend)
        if self._compiled:
            self._untried.append(backend)
        if before is not None:
            LOGGER.info("%s: version %d serves now, was %d", backend.name, backend.version, before.version)

    def _stage(self, name: str, version: int | None) -> None:
        before = self._candidate.get(name)
        if version == (before.version if before else None) or name not in self._stable:
            return
        if version is None:
            del self._candidate[name]
        else:
            # Asked for by label or number, so no other version answers in its place.
            self._candidate[name] = self._backend(name, version).pinned()
        self._shows.stage(name, self._candidate.get(name))

    def _problem(self, name: str, error: Exception) -> None:
        reason = f"{error.where}: {error.problem}" if isinstance(error, InputError) else str(error)
        text = f"{name}: {reason}" if name else reason
        if self._problems.get(name) != text:
            LOGGER.error(text)
        self._problems[name] = text
