"""Recording a run from the process that runs it: a follower beside it, and at its end what happened in the outbox."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.run.folder import RunFolder
from pipelines.tracking.address import without_password
from pipelines.tracking.follow import ENDED
from pipelines.tracking.outbox import Outbox
from pipelines.tracking.read import artifact_files, read_run

EVERY_SECONDS = 15.0
# How long a finished run waits for the server to take the rest.
PATIENCE_SECONDS = 60.0


@contextmanager
def recorded(
    folder: RunFolder, address: str, every_seconds: float = EVERY_SECONDS, patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[None]:
    """While open, a process of its own tells the server of the run; nothing that goes wrong with it is raised.

    Args:
        folder: the run's; `run.json` says that it has begun.
        address: of the tracking server; empty for none.
        every_seconds: pause between two tellings.
        patience_seconds: how long to wait at the end; what is not sent by then stays in the outbox.
    """
    if not address:
        yield
        return
    with suppress(Exception):
        Outbox.of(folder.root).open(read_run(folder).key, without_password(address))
    follower = _start(folder, address, every_seconds)
    try:
        yield
    finally:
        _end(folder, address, follower, patience_seconds)


def _start(folder: RunFolder, address: str, every_seconds: float) -> subprocess.Popen[bytes] | None:
    log = folder.log.with_name("tracking.log")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pipelines.tracking.follow", str(folder.root), address, str(every_seconds)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the run: the follower tells how it ended.
                start_new_session=True,
            )
    except OSError:
        return None


def _end(folder: RunFolder, address: str, follower: subprocess.Popen[bytes] | None, patience_seconds: float) -> None:
    # A broken disk, a file that a step left half written: the run has its result, whatever is known of it here.
    with suppress(Exception):
        # Here and not in the follower: that one may hang.
        Outbox.of(folder.root).put(read_run(folder).killed(), artifact_files(folder), without_password(address))
    if follower is None:
        return
    try:
        follower.communicate(ENDED, timeout=patience_seconds)
    except subprocess.TimeoutExpired:
        follower.kill()
        follower.wait()


def tracking_line(out: Path) -> str:
    """One line on whether all has been sent; an empty one where nothing was to be sent."""
    entries = Outbox.of(out).entries()
    if not entries:
        return ""
    pending = [entry for entry in entries if not entry.sent]
    if not pending:
        return f"tracked in {entries[-1].to}"
    problem = pending[-1].problem or f"no answer in time; see {RunFolder(out).log.with_name('tracking.log')}"
    kept = f"kept in {out / 'tracking'}; the next run, or `sluice track {out}`, sends it"
    return f"warning: not all was sent to {pending[-1].to} ({problem}): {kept}"
