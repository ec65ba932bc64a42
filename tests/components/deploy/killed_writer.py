"""Runs one change of a store and kills itself at the n-th step on disk; a script, run by the tests.

Reads lines of JSON, {"root", "call": [method, arguments...], "die_at"}; forks a writer for each, and answers
{"killed", "steps", "error"}: whether it was killed, at how many steps it ended, and how it failed.

A step is an audit event that touches the disk (each dies before its operation, so after the one before), and what has
no event: syncing, and writing, of which half is done when the writer dies.
"""

import builtins
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from components.deploy.store import ModelStore

_PREFIXES = ("os.", "shutil.", "tempfile.", "fcntl.")
_SILENT = {"os.fork", "os.getxattr", "os.listxattr", "os.putenv", "os.unsetenv", "os.kill"}


class Killer:
    """Counts the steps of this process and ends it with SIGKILL at one of them."""

    def __init__(self, die_at: int) -> None:
        self.steps = 0
        self._die_at = die_at

    def arm(self) -> None:
        sys.addaudithook(self._audit)
        write = io.BufferedWriter.write
        # Not done in earnest: a kill, other than a power cut, loses nothing that was written.
        os.fsync = lambda descriptor: self.step() and None
        # Whole files in one call of the kernel's would hide that they can be cut short.
        shutil._USE_CP_SENDFILE = False

        class Writer(io.BufferedWriter):
            def write(inner, data):  # noqa: N805
                if self.step(dies=False):
                    write(inner, bytes(data)[: len(data) // 2])
                    inner.flush()
                    self.die()
                return write(inner, data)

        plain = builtins.open

        def opened(file, mode="r", *rest, **named):
            if mode != "wb":
                return plain(file, mode, *rest, **named)
            raw = io.FileIO(file, "wb", closefd=named.get("closefd", True))
            return Writer(raw)

        builtins.open = io.open = opened
        os.fdopen = lambda descriptor, mode="r", *rest: opened(descriptor, mode, *rest)

    def step(self, dies: bool = True) -> bool:
        self.steps += 1
        if self.steps != self._die_at:
            return False
        if dies:
            self.die()
        return True

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, _arguments: object) -> None:
        if event == "open" or (event.startswith(_PREFIXES) and event not in _SILENT):
            self.step()


def write(order: dict, answer: int) -> None:
    store = ModelStore(Path(order["root"]))
    method, *arguments = order["call"]
    if method == "publish":
        arguments[1] = Path(arguments[1])
    killer = Killer(order["die_at"])
    killer.arm()
    error = ""
    try:
        getattr(store, method)(*arguments)
    except Exception as failure:
        error = repr(failure)
    os.write(answer, json.dumps({"steps": killer.steps, "error": error}).encode())
    os._exit(0)


def run(order: dict) -> dict:
    reading, writing = os.pipe()
    writer = os.fork()
    if writer == 0:
        write(order, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(writer, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return (
        {"killed": killed, "steps": order["die_at"], "error": ""} if killed else {"killed": False, **json.loads(told)}
    )


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
