"""Keeps what is served in step with the store's champions."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from components.deploy.store import ModelStore
from components.errors import InputError
from serving.local.servable import Servable, load_servable, warm_up, with_faster_single

LOGGER = logging.getLogger("sluice.serving")
# A champion that couldn't be loaded is tried again after a minute, as TensorFlow Serving does.
RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class _Failure:
    version: int
    text: str
    at: float


class StoreWatcher:
    """Loads each model's champion aside, warms it, and hands it over; a champion that can't be loaded changes nothing.

    Args:
        store: where the champions are said.
        hand_over: takes a servable that is ready to answer.
        clock: seconds that only grow.
    """

    def __init__(
        self, store: ModelStore, hand_over: Callable[[Servable], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._hand_over = hand_over
        self._clock = clock
        self._serving: dict[str, int] = {}
        self._failures: dict[str, _Failure] = {}
        self._plain: list[Servable] = []

    @property
    def failures(self) -> tuple[str, ...]:
        """What was wrong with each champion that isn't served."""
        return tuple(failure.text for failure in self._failures.values())

    def check(self) -> None:
        """Looks at the store once, and loads what is new."""
        try:
            names = tuple(self._store.models())
        except (OSError, InputError) as error:
            self._failed("the store", 0, error)
            return
        for name in names:
            self._check_model(name)

    def tune(self) -> None:
        """Moves the next newly loaded version to its compiled signature if that is faster; takes seconds."""
        servable = self._plain.pop(0)
        if self._serving.get(servable.name) != servable.version:
            return
        tuned = with_faster_single(servable)
        if tuned is not servable:
            self._hand_over(tuned)

    def run(self, stop: threading.Event, poll_seconds: float) -> None:
        """Checks the store until told to stop."""
        while not stop.wait(0 if self._plain else poll_seconds):
            if self._plain:
                self.tune()
            self.check()

    def _check_model(self, name: str) -> None:
        version = 0
        try:
            champion = self._store.champion(name)
            if champion is None or champion.version == self._serving.get(name):
                return
            version = champion.version
            if not self._due(name, version):
                return
            self._store.verify(name, version)
            servable = load_servable(name, version, self._store.path(name, version))
            warm_up(servable)
        except Exception as error:  # whatever is wrong with a version, the one that answers goes on
            self._failed(name, version, error)
            return
        self._replace(servable)

    def _replace(self, servable: Servable) -> None:
        old = self._serving.get(servable.name)
        self._hand_over(servable)
        self._serving[servable.name] = servable.version
        self._failures.pop(servable.name, None)
        self._plain.append(servable)
        if old is not None:
            LOGGER.info("%s: version %d serves now, was %d", servable.name, servable.version, old)
        _settle_memory()

    def _due(self, name: str, version: int) -> bool:
        failure = self._failures.get(name)
        return failure is None or failure.version != version or self._clock() - failure.at >= RETRY_SECONDS

    def _failed(self, name: str, version: int, error: Exception) -> None:
        reason = (
            f"{error.where}: {error.problem}" if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        )
        serving = self._serving.get(name)
        goes_on = f"version {serving} goes on serving" if serving else "it isn't served"
        what = f"version {version} can't be served" if version else "the champion can't be read"
        text = f"{name}: {what}: {reason.splitlines()[0]}; {goes_on}"
        known = self._failures.get(name)
        if known is None or known.text != text:
            LOGGER.error(text)
        self._failures[name] = _Failure(version, text, self._clock())


def _settle_memory() -> None:
    """Frees what the version before has left, and keeps the collector off what stays.

    A SavedModel's objects refer to each other, so their memory waits for the collector; and while they live, each of
    its passes over them takes a few hundred milliseconds, which the lists of a large JSON request set off.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
