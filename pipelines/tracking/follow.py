"""`python -m pipelines.tracking.follow OUT ADDRESS SECONDS`: tells the server of a run while it works.

A process of its own: it may be slow, be stuck or die, and the training goes on. It ends when its stdin does: after
the byte that says that the outbox holds the end of the run, or without, when the run was killed.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from components.errors import InputError
from pipelines.run.folder import RunFolder
from pipelines.tracking.address import without_password
from pipelines.tracking.deliver import deliver, put_run
from pipelines.tracking.outbox import Outbox
from pipelines.tracking.read import read_run
from pipelines.tracking.sender import Sender, one_line

ENDED = b"."
_SLOWEST_SECONDS = 300.0
_LOWEST_PRIORITY = 15
# Trainings write a checkpoint when the process that runs the job is gone.
_ENDING_SECONDS = 60.0


class Follower:
    """Sends what a run says of itself, now and then."""

    def __init__(self, out: Path, address: str, every_seconds: float) -> None:
        self.folder, self.address, self.every_seconds = RunFolder(out), address, every_seconds
        self.outbox = Outbox.of(out)
        self.entry = self.outbox.open(read_run(self.folder).key, without_password(address))
        self._sender: Sender | None = None

    def follow(self, ended: threading.Event) -> None:
        """Sends until the run has ended; ever more seldom while the server can't be reached."""
        pause = self.every_seconds
        self._earlier()
        while not ended.wait(pause):
            pause = self.every_seconds if self._tell() else min(2 * pause, _SLOWEST_SECONDS)

    def _earlier(self) -> None:
        """What earlier runs of this folder left unsent."""
        deliver(self.outbox, self.address, but=self.entry.key, make_sender=self.sender)

    def sender(self, address: str) -> Sender:
        """The one that knows what the server has, if it has never failed."""
        self._sender = self._sender or Sender(address)
        return self._sender

    def _tell(self) -> bool:
        with self.outbox.lock():
            try:
                self.sender(self.address).send(read_run(self.folder), self.entry.id)
            except Exception as error:
                # A sender that failed doesn't know what arrived: the next one looks it up.
                self._sender = None
                sys.stderr.write(f"{one_line(error)}\n")
                return False
        return True


def _put_killed(folder: RunFolder, address: str) -> None:
    """Puts a killed run into the outbox once its steps have ended; if it has begun again, that one tells of it."""
    deadline = time.monotonic() + _ENDING_SECONDS
    while time.monotonic() < deadline:
        try:
            put_run(folder, address)
            return
        except InputError:
            time.sleep(1)


def main(arguments: Sequence[str]) -> int:
    """Follows the run in the folder named first until stdin ends."""
    out, address, every = Path(arguments[0]), arguments[1], float(arguments[2])
    os.nice(_LOWEST_PRIORITY)
    ended = threading.Event()
    words: list[bytes] = []

    def listen() -> None:
        words.append(os.read(0, 1))
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    follower = Follower(out, address, every)
    follower.follow(ended)
    if words != [ENDED]:
        _put_killed(RunFolder(out), address)
    return 1 if deliver(follower.outbox, address, make_sender=follower.sender) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
