"""What is to be sent, in the run's folder until it has been sent: `<out>/tracking/<key>/`.

entry.json    where it goes, whether it is there, and what went wrong at the last try
record.json   the run, as it was when it ended
artifacts/    its files; removed once they are sent
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from components.deploy.durable import locked
from pipelines.atomic import copy_atomically, write_atomically
from pipelines.run.folder import read_record
from pipelines.tracking.record import RunRecord

_ENTRY, _RECORD, _ARTIFACTS = "entry.json", "record.json", "artifacts"


@dataclass(frozen=True)
class Entry:
    """One run to be sent.

    Attributes:
        id: by which the server's run is known, whoever sends it and however often.
        key: of the run in its folder.
        to: where it goes, without a password.
        sent: whether all of it is there.
        problem: why not, in one line.
    """

    id: str
    key: str
    to: str
    sent: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Outbox:
    """The outbox of a run's folder."""

    root: Path

    @staticmethod
    def of(out: Path) -> Outbox:
        """The one in a run's folder."""
        return Outbox(out / "tracking")

    def entries(self) -> tuple[Entry, ...]:
        """All entries, the oldest first."""
        paths = sorted(self.root.glob(f"*/{_ENTRY}"), key=lambda path: (path.parent.stat().st_ctime, path))
        return tuple(Entry(**facts) for path in paths if (facts := read_record(path)))

    def pending(self) -> tuple[Entry, ...]:
        """Those that aren't sent, of runs that have ended."""
        waiting = (entry for entry in self.entries() if not entry.sent)
        return tuple(entry for entry in waiting if (self._folder(entry.key) / _RECORD).is_file())

    def open(self, key: str, to: str) -> Entry:
        """The entry of a run that begins, or goes on; the same run keeps its id."""
        known = read_record(self._folder(key) / _ENTRY)
        entry = Entry(id=known.get("id") or uuid.uuid4().hex, key=key, to=to)
        self._save(entry)
        return entry

    def put(self, record: RunRecord, files: Mapping[str, Path], to: str) -> Entry:
        """Puts a run in that has ended.

        Args:
            record: the run.
            files: its artifacts, by the name under which they are kept.
            to: where it goes.
        """
        folder = self._folder(record.key)
        for name, path in files.items():
            copy_atomically(path, folder / _ARTIFACTS / name)
        record.save(folder / _RECORD)
        return self.open(record.key, to)

    def record(self, entry: Entry) -> RunRecord:
        """The run of an entry."""
        return RunRecord.load(self._folder(entry.key) / _RECORD)

    def artifacts(self, entry: Entry) -> Path | None:
        """Folder of its files; None where there are none to send."""
        folder = self._folder(entry.key) / _ARTIFACTS
        return folder if folder.is_dir() else None

    def mark_sent(self, entry: Entry) -> None:
        """All of it has been sent; its files are no longer needed here."""
        self._save(replace(entry, sent=True, problem=""))
        shutil.rmtree(self._folder(entry.key) / _ARTIFACTS, ignore_errors=True)

    def mark_missed(self, entry: Entry, problem: str) -> None:
        """It, or a part of it, could not be sent."""
        self._save(replace(entry, sent=False, problem=problem))

    def lock(self) -> AbstractContextManager[None]:
        """One sender at a time."""
        return locked(self.root)

    def _save(self, entry: Entry) -> None:
        write_atomically(self._folder(entry.key) / _ENTRY, json.dumps(asdict(entry), indent=1))

    def _folder(self, key: str) -> Path:
        return self.root / key[:16]
