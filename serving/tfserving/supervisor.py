"""The runtime TensorFlow Serving of `sluice serve`: its process, its configs, and what is shown of it.

It listens on a UNIX socket that only this user can open; callers talk to the server in front. Its own ports would be
open on every interface (server.cc binds 0.0.0.0, evhttp_server.cc binds ::), without keys, and with ModelService on
them: whoever reaches its HandleReloadConfigRequest can unload every model, or load one from any folder.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.deploy.store import ModelStore
from components.errors import InputError
from serving.server.errors import BackendError
from serving.tfserving.binary import required_binary
from serving.tfserving.config import TfServingOptions
from serving.tfserving.follower import Follower, Shows
from serving.tfserving.process import ModelServerError, ModelServerProcess
from serving.tfserving.rollout import ModelPlan, Rollout, Wanted
from serving.tfserving.wanted import WantedVersions

LOGGER = logging.getLogger("sluice.serving")
# A server that dies is started again at once, then after 1, 2, 4, ... seconds, as long as it dies soon.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0


@dataclass(frozen=True)
class Supervision:
    """What a supervisor looks after.

    Attributes:
        store: champions and candidates.
        options: how the server runs.
        shows: takes what answers.
    """

    store: ModelStore
    options: TfServingOptions
    shows: Shows


class Supervisor:
    """Starts the server with what can be served, keeps it in step with the store, and starts it again when it dies.

    Meanwhile every question is answered by BackendError (503, UNAVAILABLE).

    Args:
        supervision: what to look after.
        clock: seconds that only grow.
    """

    def __init__(self, supervision: Supervision, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = supervision.options
        self._clock = clock
        self._wanted = WantedVersions(supervision.store, supervision.shows.metrics, clock)
        self._follower = Follower(
            supervision.store, self._options.target, supervision.shows, compiled=self._options.xla, clock=clock
        )
        self._process: ModelServerProcess | None = None
        self._starting: ModelServerProcess | None = None
        self._rollout: Rollout | None = None
        self._wait_seconds = 0.0
        self._started_at = 0.0
        self._due_at = 0.0

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with each champion that isn't served."""
        return (*self._wanted.problems, *self._follower.problems)

    @property
    def pid(self) -> int:
        """The server's process number; 0 while there is none."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Starts the server, leaving out what it can't load, and shows what it has.

        Raises:
            ModelServerError: it doesn't start, whatever it is given.
        """
        while True:
            plans = {name: _first_plan(wanted) for name, wanted in self._wanted.to_start(self._follower.shown).items()}
            process = ModelServerProcess(self._options, plans)
            self._starting = process
            try:
                process.__enter__()
                break
            except ModelServerError as error:
                news = {key: why for key, why in error.broken.items() if self._wanted.wants(*key)}
                if not news:
                    raise
                for (name, version), why in news.items():
                    self._wanted.refuse(name, version, why)
        self._starting = None
        self._process = process
        self._started_at = self._clock()
        self._rollout = Rollout(
            str(self._options.store_root.resolve()), self._follower.status.state, process.configure, process.config
        )
        self._follower.check()

    def check(self) -> None:
        """Looks at the server and the store once, and takes the next step."""
        assert self._process is not None
        assert self._rollout is not None
        if not self._process.running:
            self._restart()
            return
        # What is available is shown before what it replaces is dropped from the config.
        self._follower.check()
        try:
            states = self._rollout.step(self._wanted.now(self._follower.shown))
        except (BackendError, OSError) as error:
            LOGGER.error(str(error))
            return
        for name, state in states.items():
            for version, why in state.failed.items():
                self._wanted.failing(name, version, why)

    def run(self, stop: threading.Event, poll_seconds: float) -> None:
        """Checks until told to stop."""
        while not stop.wait(poll_seconds):
            self.check()
            self._follower.tune()

    def interrupt(self) -> None:
        """Ends a start that is being waited for, from another thread."""
        starting = self._starting
        if starting is not None:
            starting.stop(0.0)

    def close(self) -> None:
        """Ends the server."""
        self._follower.__exit__()
        if self._process is not None:
            self._process.stop()

    def _restart(self) -> None:
        assert self._process is not None
        now = self._clock()
        if self._due_at == 0.0:
            self._due_at = now + self._next_wait(now)
            LOGGER.error(
                "TensorFlow Serving died: nothing is answered until it is up again, in %g s", self._due_at - now
            )
        if now < self._due_at:
            return
        self._due_at = 0.0
        self._process.stop()
        self._started_at = now
        try:
            self.start()
        except (ModelServerError, OSError) as error:
            LOGGER.error(str(error))
            return
        LOGGER.info("TensorFlow Serving is up again")

    def _next_wait(self, now: float) -> float:
        lived = now - self._started_at
        self._wait_seconds = (
            0.0
            if lived > LONGEST_WAIT_SECONDS or not self._started_at
            else min(max(FIRST_WAIT_SECONDS, 2 * self._wait_seconds), LONGEST_WAIT_SECONDS)
        )
        return self._wait_seconds


def _first_plan(wanted: Wanted) -> ModelPlan:
    return ModelPlan(tuple(sorted(set(wanted.labels.values()))))


@contextmanager
def tensorflow_serving(store: Path, shows: Shows, poll_seconds: float) -> Iterator[Callable[[], tuple[str, ...]]]:
    """Runs TensorFlow Serving on a store for a block of code; what is wrong with champions that aren't served.

    Args:
        store: the model store.
        shows: takes what answers.
        poll_seconds: how often store and server are looked at.

    Raises:
        InputError: there is no tensorflow_model_server on PATH, or it can't be started.
    """
    binary = required_binary()
    # In /tmp: a socket's path may have 107 bytes, and TMPDIR may be longer.
    folder = Path(tempfile.mkdtemp(prefix="sluice-", dir="/tmp"))
    options = TfServingOptions(binary, store, grpc_socket=folder / "grpc", xla=True, tensor_content=True)
    supervisor = Supervisor(Supervision(ModelStore(store), options, shows))
    stop = threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(stop, poll_seconds), name="tfserving")
    try:
        _start(supervisor, binary)
        thread.start()
        yield lambda: supervisor.problems
    finally:
        stop.set()
        supervisor.interrupt()
        if thread.is_alive():
            thread.join()
        supervisor.close()
        shutil.rmtree(folder, ignore_errors=True)


def _start(supervisor: Supervisor, binary: Path) -> None:
    try:
        supervisor.start()
    except ModelServerError as error:
        fix = "read its log above and mend what it names, or use --runtime inprocess"
        raise InputError(str(binary), str(error), fix) from error
