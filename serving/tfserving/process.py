"""A tensorflow_model_server of our own: started, waited for, listened to, and ended with us."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from components.deploy.durable import write_file
from serving.server.errors import BackendError
from serving.tfserving import batching, monitoring
from serving.tfserving.binary import find_binary as find_binary
from serving.tfserving.config import ConfigFiles, TfServingOptions
from serving.tfserving.rollout import ModelPlan, config_text
from serving.tfserving.status import ServerStatus

LOGGER = logging.getLogger("sluice.serving.tfserving")
MODELS_FILE = "models.config"
# Loading and warming five members takes about 2 s; a GPU's first start takes a minute.
START_SECONDS = 300.0
# 2 s were measured from SIGTERM to the exit.
GRACE_SECONDS = 10.0
_KEPT_LINES = 200
# glog's and absl's forms: "2025-11-21 07:00:00.1: E file.cc:1] text" and "E0000 00:00:17... 123 file.cc:1] text".
_ERROR_LINE = re.compile(r"^(?:\d{4}-\S+ \S+: )?[EF](?:\d{4})? .*?\] (?P<text>.*)|^(?P<start>Failed to start server.*)")
# TensorFlow calls a machine without a card an error, and each library of CUDA that is registered twice.
_NO_ERROR = re.compile(r"cuda|cuDNN|cuBLAS|cuFFT|TensorRT", re.IGNORECASE)
# "1 servable(s) did not become available: {{{name: lake version: 3} due to error: ..." (core/load_servables_fast.cc).
_UNAVAILABLE = re.compile(r"\{name: (?P<name>\S+) version: (?P<version>\d+)\}(?: due to error: (?P<error>[^}]*))?")


class ModelServerError(RuntimeError):
    """The server ended by itself, or wasn't ready in time.

    Attributes:
        broken: versions that it couldn't load, with the reason, by model and number.
    """

    def __init__(self, problem: str, broken: Mapping[tuple[str, int], str] | None = None) -> None:
        super().__init__(problem)
        self.broken = dict(broken or {})


class ModelServerProcess:
    """One server, from its first load to its end; a context manager.

    Its ports open when the first load has ended, so a model without a version to load would keep them closed for ever:
    plan only versions that are in the store. A server that dies stays dead.

    Args:
        options: how it runs.
        plans: versions and labels by model; the first config gives no labels, since nothing is available yet.
    """

    def __init__(self, options: TfServingOptions, plans: Mapping[str, ModelPlan]) -> None:
        self.options = options
        self._plans = {name: ModelPlan(plan.versions) for name, plan in plans.items()}
        self._folder = Path(tempfile.mkdtemp(prefix="sluice-tfserving-"))
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._told: set[str] = set()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> ModelServerProcess:
        """Starts it and waits until every planned version is loaded or given up."""
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process number; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def config(self) -> str:
        """Text of the model config that it reads."""
        return (self._folder / MODELS_FILE).read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        """The last lines that it wrote."""
        return "\n".join(self._lines)

    def configure(self, text: str) -> None:
        """Replaces the model config; the server reads it within `poll_seconds`."""
        write_file(self._folder / MODELS_FILE, text.encode())

    def start(self) -> None:
        """Writes its files and starts it."""
        files = self._write_files()
        command = [*_dying_with_us(), str(self.options.binary), *self.options.arguments(files)]
        try:
            # In its own session, as Ctrl-C is for us: it goes on answering while we drain.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ModelServerError(f"{self.options.binary} can't be started: {error.strerror}") from error
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), name="tfserving-log")
        self._reader.start()

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Waits until it answers, and every planned version is available or given up.

        Raises:
            ModelServerError: it ended, or took longer.
        """
        deadline = time.monotonic() + seconds
        with ServerStatus(self.options.target) as status:
            while time.monotonic() < deadline:
                if not self.running:
                    raise self._ended()
                with suppress(BackendError):
                    if all(self._settled(status, name) for name in self._plans) and self._answers(status):
                        return
                time.sleep(0.1)
        raise ModelServerError(f"TensorFlow Serving wasn't ready within {seconds:.0f} s; its log ends:\n{self._tail()}")

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ends it: SIGTERM, and SIGKILL when the grace is over."""
        process = self._process
        if process is not None:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                LOGGER.warning("TensorFlow Serving didn't end within %g s of SIGTERM: killed", grace_seconds)
                process.kill()
                process.wait()
        if self._reader is not None:
            self._reader.join(1.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write_files(self) -> ConfigFiles:
        self.configure(config_text(self._plans, str(self.options.store_root.resolve())))
        files = ConfigFiles(
            self._folder / MODELS_FILE,
            self._folder / monitoring.FILE_NAME,
            self._folder / batching.FILE_NAME if self.options.batching else None,
        )
        files.monitoring.write_text(monitoring.monitoring_text(), encoding="utf-8")
        if self.options.batching and files.batching:
            files.batching.write_text(self.options.batching.text(), encoding="utf-8")
        return files

    def _answers(self, status: ServerStatus) -> bool:
        # Without a model nothing else has been asked yet.
        return bool(self._plans) or status.versions("none") is not None

    def _settled(self, status: ServerStatus, name: str) -> bool:
        found = status.versions(name)
        return set(self._plans[name].versions) <= found.available | found.failed.keys()

    def _ended(self) -> ModelServerError:
        assert self._process is not None
        if self._reader is not None:
            self._reader.join(1.0)
        broken = {
            (match["name"], int(match["version"])): match["error"] or "it could not be loaded"
            for line in self._lines
            if "did not become available" in line
            for match in _UNAVAILABLE.finditer(line)
        }
        return ModelServerError(
            f"TensorFlow Serving ended with status {self._process.returncode}; its log ends:\n{self._tail()}", broken
        )

    def _tail(self) -> str:
        return "\n".join(list(self._lines)[-5:]) or "(it wrote nothing)"

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._lines.append(line.rstrip())
            match = _ERROR_LINE.match(line)
            text = (match["text"] or match["start"]) if match else ""
            # A config that is refused is refused again at each poll: once is enough.
            if text and text not in self._told and not _NO_ERROR.search(line):
                self._told.add(text)
                LOGGER.error("TensorFlow Serving: %s", text)
        output.close()


def _dying_with_us() -> tuple[str, ...]:
    """What lets the kernel end the server when we are killed: it would hold its memory and socket for ever."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--") if setpriv and os.name == "posix" else ()
