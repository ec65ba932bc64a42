"""Which versions a TensorFlow Serving shall have: champions and candidates that are whole and can be loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.deploy.store import ModelStore
from components.errors import InputError
from serving.local.verified import Reason, RefusedVersionError, check_version
from serving.server.metrics import ServingMetrics
from serving.tfserving.rollout import Wanted

LOGGER = logging.getLogger("sluice.serving")
# A version that couldn't be loaded is tried again after a minute, as in process.
RETRY_SECONDS = 60.0
# From a config being written to the server's first try: it looks once a second.
AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class _Refusal:
    reason: Reason
    problem: str
    at: float


class WantedVersions:
    """Champions and candidates of a store, without those that are damaged or that the server couldn't load.

    Args:
        store: the model store.
        metrics: told which versions are refused.
        clock: seconds that only grow.
    """

    def __init__(self, store: ModelStore, metrics: ServingMetrics, clock: Callable[[], float]) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._whole: set[tuple[str, int]] = set()
        self._refused: dict[tuple[str, int], _Refusal] = {}
        self._again_at: dict[tuple[str, int], float] = {}
        self._told: dict[str, dict[int, tuple[Reason, str]]] = {}
        self._last: dict[str, Wanted] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with each champion or candidate that isn't served."""
        return tuple(text for told in self._told.values() for _, text in told.values())

    def now(self, shown: Mapping[str, int]) -> dict[str, Wanted]:
        """What a running server shall have; a model whose champion can't be served keeps the version that answers.

        Args:
            shown: the version that answers, by model.
        """
        found = {name: self._model(name, shown.get(name)) for name in self._names(shown)}
        self._last = {name: wanted for name, wanted in found.items() if wanted is not None}
        return dict(self._last)

    def to_start(self, shown: Mapping[str, int]) -> dict[str, Wanted]:
        """What a server shall be started with: what answered before, whose files are read again, and new models."""
        self._whole.clear()
        wanted = self.now(shown)
        self._last = {name: self._known(name, shown.get(name)) or wanted[name] for name in wanted}
        return dict(self._last)

    def wants(self, name: str, version: int) -> bool:
        """Whether a version was last wanted."""
        wanted = self._last.get(name)
        return wanted is not None and version in wanted.labels.values()

    def refuse(self, name: str, version: int, problem: str) -> None:
        """A server couldn't be started with a version: it isn't wanted for a minute."""
        self._refused[name, version] = _Refusal("unloadable", problem, self._clock())

    def failing(self, name: str, version: int, problem: str) -> None:
        """A running server says that a version failed: it isn't wanted for a minute.

        What it says of a version that has just been wanted again is of the last time.
        """
        again_at = self._again_at.get((name, version))
        if self.wants(name, version) and (again_at is None or self._clock() - again_at >= AGAIN_SECONDS):
            self.refuse(name, version, problem)

    def _known(self, name: str, shown: int | None) -> Wanted | None:
        return Wanted(shown) if shown is not None and self._refusal(name, shown) is None else None

    def _names(self, shown: Mapping[str, int]) -> tuple[str, ...]:
        try:
            return tuple(sorted({*self._store.models(), *shown}))
        except (OSError, InputError) as error:
            LOGGER.error("the store can't be read: %s", error)
            return tuple(shown)

    def _model(self, name: str, shown: int | None) -> Wanted | None:
        """What shall be served of a model, and what can't be is told."""
        refused: dict[int, _Refusal] = {}
        try:
            champion, candidate = self._store.champion(name), self._store.candidate(name)
        except (OSError, InputError) as error:
            problem = f"{error.where}: {error.problem}" if isinstance(error, InputError) else str(error)
            self._tell(name, shown, {0: _Refusal("unreadable", problem, self._clock())})
            return None if shown is None else Wanted(shown)
        stable = champion.version if champion else None
        for version in (stable, candidate):
            refusal = None if version is None else self._refusal(name, version)
            if version is not None and refusal is not None:
                refused[version] = refusal
        self._tell(name, shown, refused)
        if stable is None or stable in refused:
            stable = shown if shown is not None and self._refusal(name, shown) is None else None
        if stable is None:
            return None
        return Wanted(stable, None if candidate == stable or candidate in refused else candidate)

    def _refusal(self, name: str, version: int) -> _Refusal | None:
        """Why a version can't be served, None if it can; its files are read once."""
        known = self._refused.get((name, version))
        if known is not None and self._clock() - known.at < RETRY_SECONDS:
            return known
        if (name, version) not in self._whole:
            try:
                check_version(self._store, name, version)
            except RefusedVersionError as error:
                self._refused[name, version] = _Refusal(error.reason, error.problem, self._clock())
                return self._refused[name, version]
        self._whole.add((name, version))
        if self._refused.pop((name, version), None) is not None:
            self._again_at[name, version] = self._clock()
        return None

    def _tell(self, name: str, shown: int | None, refused: Mapping[int, _Refusal]) -> None:
        goes_on = f"version {shown} goes on serving" if shown else "it isn't served"
        told: dict[int, tuple[Reason, str]] = {}
        for version, refusal in refused.items():
            what = f"version {version} can't be served" if version else "the champion can't be read"
            told[version] = (refusal.reason, f"{name}: {what}: {refusal.problem}; {goes_on}")
        before = self._told.get(name, {})
        if told == before:
            return
        for version in told.keys() - before.keys():
            LOGGER.error(told[version][1])
        self._told[name] = told
        self._metrics.accepted_version(name)
        for version, (reason, _) in told.items():
            self._metrics.refused_version(name, version, reason)
