"""The model store: every version that was ever published, and which of them is champion.

<root>/<model>/<version>/       a servable with model_card.json and checksums.json; never changed
<root>/<model>/champion.json    {version, previous, at}: the truth
<root>/models.config            for TensorFlow Serving, rendered from all champions
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.deploy import checksums, serving_config
from components.deploy.durable import incoming_folder, sweep, sync_folder, sync_tree, write_file
from components.errors import InputError

CHAMPION = "champion.json"
MODEL_CARD = "model_card.json"
_LOCK = ".lock"
_NAME = re.compile(r"[a-z]([-a-z0-9_]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True)
class Champion:
    """The version that is served.

    Attributes:
        version: its number.
        previous: the champion before it, None for the first.
        at: when it became champion, ISO 8601, UTC.
    """

    version: int
    previous: int | None
    at: str


@dataclass(frozen=True)
class ModelStore:
    """A folder of models.

    Attributes:
        root: the folder; made when something is published.
        clock: seconds since the epoch.
        base_path: the folder as TensorFlow Serving sees it (`/mnt/models` on a cluster); empty for `root` itself.
    """

    root: Path
    clock: Callable[[], float] = time.time
    base_path: str = ""

    def models(self) -> tuple[str, ...]:
        """Names of the models that have a version."""
        if not self.root.is_dir():
            return ()
        names = sorted(path.name for path in self.root.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))
        return tuple(name for name in names if self.versions(name))

    def versions(self, model: str) -> tuple[int, ...]:
        """Versions of a model, ascending; a folder without checksums is none."""
        folder = self._folder(model)
        if not folder.is_dir():
            return ()
        numbers = sorted(int(path.name) for path in folder.iterdir() if _VERSION.fullmatch(path.name))
        return tuple(number for number in numbers if (folder / str(number) / checksums.FILE_NAME).is_file())

    def champion(self, model: str) -> Champion | None:
        """The version that is served, None before any was promoted.

        Raises:
            InputError: if champion.json can't be read.
        """
        path = self._folder(model) / CHAMPION
        if not path.is_file():
            return None
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            previous = facts["previous"]
            return Champion(int(facts["version"]), None if previous is None else int(previous), str(facts["at"]))
        except (ValueError, KeyError, TypeError) as error:
            fix = f"remove it and run `sluice models promote {model} VERSION`"
            raise InputError(str(path), f"is no champion file ({error!r})", fix) from error

    def path(self, model: str, version: int) -> Path:
        """Folder of a version.

        Raises:
            InputError: if there is no such version.
        """
        versions = self.versions(model)
        if version in versions:
            return self._folder(model) / str(version)
        if not versions:
            known = ", ".join(self.models()) or "none"
            raise InputError(str(self.root), f"holds no version of model {model!r}", f"models there: {known}")
        listed = ", ".join(map(str, versions))
        raise InputError(f"{self.root}/{model}", f"has no version {version}", f"choose one of {listed}")

    def model_card(self, model: str, version: int) -> dict[str, Any]:
        """Model card of a version."""
        text = (self.path(model, version) / MODEL_CARD).read_text(encoding="utf-8")
        return dict(json.loads(text))

    def publish(self, model: str, candidate: Path) -> int:
        """Copies a candidate into the store as a new version, or finds the version that equals it.

        A version appears whole, by one rename of a folder that is on disk, or not at all.

        Raises:
            InputError: if the candidate is no folder.
        """
        folder = self._folder(model)
        if not candidate.is_dir():
            raise InputError(str(candidate), "is no folder with a candidate", "run the ensemble step again")
        sweep(folder)
        incoming = incoming_folder(folder)
        try:
            shutil.copytree(candidate, incoming, dirs_exist_ok=True, ignore=_ignore_own_checksums(candidate))
            found = checksums.checksums_of(incoming)
            (incoming / checksums.FILE_NAME).write_bytes(found.to_json())
            sync_tree(incoming)
            with self._lock():
                return self._equal_version(model, found.content) or self._commit(model, incoming)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def promote(self, model: str, version: int) -> Champion:
        """Makes a version champion.

        Raises:
            InputError: if there is no such version or it is damaged.
        """
        self.verify(model, version)
        with self._lock():
            before = self.champion(model)
            if before and before.version == version:
                champion = before
            else:
                at = datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")
                champion = Champion(version, before.version if before else None, at)
                write_file(self._folder(model) / CHAMPION, (json.dumps(asdict(champion)) + "\n").encode())
            self._render_config()
        return champion

    def rollback(self, model: str) -> Champion:
        """Makes the previous champion champion again.

        Raises:
            InputError: if there is none, or it is no longer whole.
        """
        champion = self.champion(model)
        if champion is None or champion.previous is None:
            listed = ", ".join(map(str, self.versions(model))) or "none"
            problem = f"model {model!r} has no previous champion"
            fix = f"choose a version: `sluice models promote {model} VERSION` (versions: {listed})"
            raise InputError(str(self.root), problem, fix)
        return self.promote(model, champion.previous)

    def verify(self, model: str, version: int) -> None:
        """Reads every file of a version.

        Raises:
            InputError: if there is no such version, or a file is missing, changed or added.
        """
        folder = self.path(model, version)
        damage = checksums.damage(folder)
        if damage:
            raise InputError(
                str(folder), f"is damaged ({damage})", "restore it from a backup or promote another version"
            )

    def render_config(self) -> Path:
        """Writes `models.config` from the champions as they are; returns its path."""
        with self._lock():
            return self._render_config()

    def _render_config(self) -> Path:
        champions = {model: self.champion(model) for model in self.models()}
        versions = {model: champion.version for model, champion in champions.items() if champion}
        path = self.root / serving_config.FILE_NAME
        text = serving_config.models_config(versions, self.base_path or str(self.root.resolve())).encode()
        if not path.is_file() or path.read_bytes() != text:
            write_file(path, text)
        return path

    def _equal_version(self, model: str, content: str) -> int | None:
        for version in reversed(self.versions(model)):
            folder = self._folder(model) / str(version)
            if checksums.read_checksums(folder).content == content and not checksums.damage(folder):
                return version
        return None

    def _commit(self, model: str, incoming: Path) -> int:
        folder = self._folder(model)
        champion = self.champion(model)
        taken = [int(path.name) for path in folder.iterdir() if _VERSION.fullmatch(path.name)]
        # Numbers are not used twice, even where the newest versions were removed by hand.
        served = (champion.version, champion.previous or 0) if champion else (0, 0)
        version = 1 + max(*taken, *served)
        while not _renamed(incoming, folder / str(version)):
            version += 1
        sync_folder(folder)
        return version

    def _folder(self, model: str) -> Path:
        if not _NAME.fullmatch(model):
            raise InputError(f"model {model!r}", "is no model name", "use small letters, digits, - and _")
        return self.root / model

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / _LOCK).open("w") as file:
            # Some network file systems have no locks; a rename still never replaces a version.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _renamed(incoming: Path, final: Path) -> bool:
    try:
        incoming.rename(final)
    except OSError:
        if final.exists():
            return False
        raise
    return True


def _ignore_own_checksums(candidate: Path) -> Callable[[str, list[str]], list[str]]:
    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name == checksums.FILE_NAME and Path(folder) == candidate]

    return ignored
