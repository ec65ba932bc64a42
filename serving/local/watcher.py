"""Keeps what is served in step with the store's champions and candidates."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from components.deploy.pointers import Champion
from components.deploy.store import ModelStore
from components.errors import InputError
from serving.local.servable import Servable, with_next_size
from serving.local.verified import Reason, RefusedVersionError, load_version
from serving.server.metrics import ServingMetrics

LOGGER = logging.getLogger("sluice.serving")
# A version that couldn't be loaded is tried again after a minute, as TensorFlow Serving does.
RETRY_SECONDS = 60.0


class Receiver(Protocol):
    """What serves the versions that are ready to answer."""

    def show(self, champion: Servable) -> None:
        """Serves a version as its model's champion from now on."""

    def stage(self, model: str, candidate: Servable | None) -> None:
        """Serves a version beside a model's champion, or none any longer."""


@dataclass(frozen=True)
class _Refusal:
    version: int
    reason: Reason
    text: str
    at: float


class StoreWatcher:
    """Loads each model's champion and candidate aside, warms them, and hands them over.

    Every file of a version is compared with its checksums first. What can't be loaded changes nothing, and the metrics
    say so. What was loaded stays in memory until another takes its place, also when its version is removed from the
    store meanwhile.

    Args:
        store: where the champions and candidates are said.
        receiver: takes versions that are ready to answer.
        metrics: told what serves and what is refused.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        store: ModelStore,
        receiver: Receiver,
        metrics: ServingMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._receiver = receiver
        self._metrics = metrics
        self._clock = clock
        self._champions: dict[str, Servable] = {}
        self._candidates: dict[str, Servable] = {}
        self._told: dict[str, Champion] = {}
        # By what of a model is refused: `champion`, `candidate`, or a half-written folder's number.
        self._refusals: dict[str, dict[str, _Refusal]] = {}
        self._plain: list[Servable] = []

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong with each version that should be served and isn't."""
        return tuple(refusal.text for refusals in self._refusals.values() for refusal in refusals.values())

    def check(self) -> None:
        """Looks at the store once, and loads what is new."""
        if not self._champions:
            # TensorFlow's modules are ten times as many objects as a version is, and stay: without this each pass of
            # the collector over them, after a swap or during a large JSON request, stops all answers for half a second.
            gc.freeze()
        try:
            names = {*self._store.models(), *self._champions}
        except (OSError, InputError) as error:
            LOGGER.error("the store can't be read: %s", error)
            return
        for name in sorted(names):
            before = self._refused_pairs(name)
            self._check_champion(name)
            self._check_candidate(name)
            self._check_half_written(name)
            if self._refused_pairs(name) != before:
                self._tell_refusals(name)

    def tune(self) -> None:
        """Tries the compiled signature of a newly loaded version for the next batch size; takes seconds."""
        servable = self._plain.pop(0)
        name = servable.name
        if servable not in (self._champions.get(name), self._candidates.get(name)):
            return
        tuned = with_next_size(servable)
        if tuned is servable:
            return
        if self._champions.get(name) is servable:
            self._champions[name] = tuned
            self._receiver.show(tuned)
        else:
            self._candidates[name] = tuned
            self._receiver.stage(name, tuned)
        if tuned.untried:
            self._plain.append(tuned)

    def run(self, stop: threading.Event, poll_seconds: float) -> None:
        """Checks the store until told to stop."""
        while not stop.wait(0 if self._plain else poll_seconds):
            try:
                if self._plain:
                    self.tune()
                self.check()
            except Exception:  # the thread must outlive whatever it meets: without it no promotion is ever seen
                LOGGER.exception("the store couldn't be checked")

    def _check_champion(self, name: str) -> None:
        try:
            champion = self._store.champion(name)
        except InputError as error:
            self._refuse(name, "champion", 0, RefusedVersionError("unreadable", f"{error.where}: {error.problem}"))
            return
        if champion is None:
            return
        if self._version(self._champions, name) != champion.version:
            servable = self._ready(name, "champion", champion.version)
            if servable is None:
                return
            self._replace(servable)
        self._refusals.get(name, {}).pop("champion", None)
        if self._told.get(name) != champion:
            self._told[name] = champion
            self._metrics.champion(name, champion.version, _epoch(champion.at))

    def _check_candidate(self, name: str) -> None:
        try:
            wanted = self._store.candidate(name)
        except InputError as error:
            if "champion" not in self._refusals.get(name, {}):
                self._refuse(name, "candidate", 0, RefusedVersionError("unreadable", f"{error.where}: {error.problem}"))
            return
        if wanted == self._version(self._champions, name) or name not in self._champions:
            wanted = None
        if wanted == self._version(self._candidates, name):
            self._refusals.get(name, {}).pop("candidate", None)
            return
        servable = None if wanted is None else self._ready(name, "candidate", wanted)
        if wanted is not None and servable is None:
            return
        self._put_on_trial(name, servable)

    def _check_half_written(self, name: str) -> None:
        try:
            found = self._store.half_written(name)
        except OSError:
            return
        refusals = self._refusals.get(name, {})
        for key in [key for key in refusals if key.isdecimal() and int(key) not in found]:
            del refusals[key]
        named = {refusal.version for refusal in refusals.values()}
        for version in (version for version in found if version not in named):
            problem = f"{self._store.root / name / str(version)}: is half written"
            self._refuse(name, str(version), version, RefusedVersionError("damaged", problem))

    def _ready(self, name: str, role: str, version: int) -> Servable | None:
        staged = self._candidates.get(name)
        if staged is not None and staged.version == version:
            return staged
        if not self._due(name, role, version):
            return None
        try:
            servable = load_version(self._store, name, version)
        except RefusedVersionError as refused:
            # Where another took its place while it was read, nothing is wrong: the next check loads that one.
            if self._wanted(name, role) == version:
                self._refuse(name, role, version, refused)
            return None
        self._plain.append(servable)
        return servable

    def _wanted(self, name: str, role: str) -> int | None:
        try:
            if role == "candidate":
                return self._store.candidate(name)
            champion = self._store.champion(name)
        except InputError:
            return None
        return champion.version if champion else None

    def _replace(self, servable: Servable) -> None:
        name = servable.name
        old = self._version(self._champions, name)
        self._champions[name] = servable
        self._receiver.show(servable)
        if old is not None:
            LOGGER.info("%s: version %d serves now, was %d", name, servable.version, old)
        self._settle_memory()

    def _put_on_trial(self, name: str, candidate: Servable | None) -> None:
        self._candidates.pop(name, None)
        if candidate is not None:
            self._candidates[name] = candidate
            LOGGER.info("%s: version %d is on trial", name, candidate.version)
        self._refusals.get(name, {}).pop("candidate", None)
        self._receiver.stage(name, candidate)
        self._settle_memory()

    def _settle_memory(self) -> None:
        """Frees what the version before has left: a SavedModel's objects refer to each other, so they wait for this."""
        serving = (*self._champions.values(), *self._candidates.values())
        self._plain = [servable for servable in self._plain if servable in serving]
        gc.collect()

    def _due(self, name: str, role: str, version: int) -> bool:
        refusal = self._refusals.get(name, {}).get(role)
        return refusal is None or refusal.version != version or self._clock() - refusal.at >= RETRY_SECONDS

    def _refuse(self, name: str, role: str, version: int, refused: RefusedVersionError) -> None:
        serving = self._version(self._champions, name)
        goes_on = f"version {serving} goes on serving" if serving else "it isn't served"
        what = f"version {version} can't be served" if version else f"the {role} can't be read"
        text = f"{name}: {what}: {refused.problem}; {goes_on}"
        refusals = self._refusals.setdefault(name, {})
        known = refusals.get(role)
        if known is None or known.text != text:
            LOGGER.error(text)
        refusals[role] = _Refusal(version, refused.reason, text, self._clock())

    def _tell_refusals(self, name: str) -> None:
        self._metrics.accepted_version(name)
        for version, reason in sorted(self._refused_pairs(name)):
            self._metrics.refused_version(name, version, reason)

    def _refused_pairs(self, name: str) -> set[tuple[int, Reason]]:
        return {(refusal.version, refusal.reason) for refusal in self._refusals.get(name, {}).values()}

    @staticmethod
    def _version(servables: dict[str, Servable], name: str) -> int | None:
        servable = servables.get(name)
        return servable.version if servable else None


def _epoch(stamp: str) -> float:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return float("nan")
