"""Sending what lies in an outbox; a server that can't be reached leaves it there."""

from __future__ import annotations

from collections.abc import Callable

from components.errors import InputError
from pipelines.run.folder import RunFolder, locked
from pipelines.tracking.address import is_whole, without_password
from pipelines.tracking.outbox import Entry, Outbox
from pipelines.tracking.read import artifact_files, read_run
from pipelines.tracking.sender import Sender, one_line

MakeSender = Callable[[str], Sender]


def deliver(outbox: Outbox, address: str, but: str = "", make_sender: MakeSender = Sender) -> tuple[Entry, ...]:
    """Sends all pending entries to an address, the oldest first.

    Args:
        outbox: where they lie.
        address: of the tracking server.
        but: key of a run that is not sent, as it is running again.
        make_sender: gives the sender for an address.

    Returns:
        Those that are pending still: after the first that fails no other is tried.
    """
    with outbox.lock():
        for entry in outbox.pending():
            if entry.key != but and not _sent(outbox, entry, lambda: make_sender(address)):
                break
    return outbox.pending()


def _sent(outbox: Outbox, entry: Entry, sender: Callable[[], Sender]) -> bool:
    try:
        sender().send(outbox.record(entry), entry.id, outbox.artifacts(entry))
    # MLflow, its HTTP client and its databases raise what they like, and nothing of it may reach a training.
    except Exception as error:
        outbox.mark_missed(entry, one_line(error))
        return False
    outbox.mark_sent(entry)
    return True


def put_run(folder: RunFolder, to: str) -> Entry:
    """Puts the run in a folder into its outbox; one that nobody works on any more is told as killed.

    Raises:
        InputError: there is no run, or one is still working there.
    """
    with locked(folder, patience_seconds=0.0):
        record = read_run(folder).killed()
        return Outbox.of(folder.root).put(record, artifact_files(folder), without_password(to))


def kept_address(outbox: Outbox) -> str:
    """The address that the newest entry was meant for; empty where there is none.

    Raises:
        InputError: a password was taken out of it.
    """
    entries = outbox.entries()
    if not entries:
        return ""
    if not is_whole(entries[-1].to):
        raise InputError(str(outbox.root), f"no password is kept for {entries[-1].to}", "give the address with --to")
    return entries[-1].to
