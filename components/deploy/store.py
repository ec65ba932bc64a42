"""The model store: the versions that were published, which of them is champion, and which is on trial.

<root>/<model>/<version>/       a servable with model_card.json and checksums.json; never changed
<root>/<model>/champion.json    {version, previous, at}: the truth
<root>/<model>/candidate.json   {version, at}: a version that servers load beside the champion
<root>/models.config            for TensorFlow Serving, rendered from both
Hidden folders are versions on their way in (`.incoming-`) or out (`.outgoing-`).
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.deploy import checksums, pointers, serving_config
from components.deploy.durable import (
    incoming_folder,
    locked,
    outgoing_path,
    sweep,
    sync_folder,
    sync_tree,
    write_file,
)
from components.deploy.pointers import Candidate, Champion
from components.errors import InputError

MODEL_CARD = "model_card.json"
_NAME = re.compile(r"[a-z]([-a-z0-9_]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"[1-9][0-9]*")


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
        numbers = sorted(self._numbers(model))
        return tuple(number for number in numbers if (folder / str(number) / checksums.FILE_NAME).is_file())

    def champion(self, model: str) -> Champion | None:
        """The version that is served, None before any was promoted.

        Raises:
            InputError: if champion.json can't be read.
        """
        return pointers.read_champion(self._folder(model))

    def candidate(self, model: str) -> int | None:
        """The version that is on trial beside the champion, None where none is; the champion itself is none.

        Raises:
            InputError: if candidate.json or champion.json can't be read.
        """
        candidate, champion = pointers.read_candidate(self._folder(model)), self.champion(model)
        if candidate is None or (champion and champion.version == candidate.version):
            return None
        return candidate.version

    def damaged(self, model: str) -> dict[int, str]:
        """What is wrong with each version that isn't whole; reads every file of every version.

        A folder without checksums, which is half written and no version, is listed too.
        """
        problems = dict.fromkeys(self.half_written(model), f"no {checksums.FILE_NAME}: half written")
        problems |= {number: checksums.damage(self._folder(model) / str(number)) for number in self.versions(model)}
        return {number: problem for number, problem in sorted(problems.items()) if problem}

    def half_written(self, model: str) -> tuple[int, ...]:
        """Numbers of the folders that are no versions, as they have no checksums (yet), ascending."""
        folders = {number: self._folder(model) / str(number) for number in sorted(self._numbers(model))}
        # In this order, so that a version that is removed meanwhile isn't taken for one.
        return tuple(n for n, own in folders.items() if not (own / checksums.FILE_NAME).is_file() and own.is_dir())

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
        self._sweep(model)
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
        folder = self._folder(model)
        with self._lock():
            self.path(model, version)  # it may have been removed meanwhile
            before = self.champion(model)
            champion = before
            if before is None or before.version != version:
                champion = Champion(version, before.version if before else None, self._now())
                pointers.write_champion(folder, champion)
            self._forget_promoted_candidate(model, version)
            self._render_config()
        assert champion is not None
        return champion

    def stage(self, model: str, version: int) -> Candidate:
        """Puts a version on trial: servers load it beside the champion and answer from it when it is asked for.

        Raises:
            InputError: if there is no such version, it is damaged, or it is the champion.
        """
        self.verify(model, version)
        with self._lock():
            self.path(model, version)
            champion = self.champion(model)
            if champion is None or champion.version == version:
                problem = f"version {version} of {model} is the champion" if champion else f"{model} has no champion"
                raise InputError(str(self.root), problem, "stage a version beside a champion that is another")
            candidate = Candidate(version, self._now())
            pointers.write_candidate(self._folder(model), candidate)
            self._render_config()
        return candidate

    def unstage(self, model: str) -> None:
        """Ends the trial of a candidate, if there is one; the version stays in the store."""
        with self._lock():
            pointers.remove_candidate(self._folder(model))
            self._render_config()

    def prune(self, model: str, keep: int) -> tuple[int, ...]:
        """Removes old versions; the champion, the one before it, the candidate and the newest `keep` stay.

        Each disappears whole, by one rename, before its files are deleted: nobody ever sees half a version. A server
        that has it in memory goes on answering from it.

        Args:
            model: name of the model.
            keep: how many of the newest versions stay, whatever they are; at least 1, so that no number is used twice.

        Returns:
            The versions removed, ascending.

        Raises:
            InputError: if `keep` is below 1, or champion.json or candidate.json can't be read.
        """
        if keep < 1:
            raise InputError(f"keep {keep}", "is no number of versions", "keep at least 1")
        folder = self._folder(model)
        with self._lock():
            champion, candidate = self.champion(model), self.candidate(model)
            # Rendered first: it must not name what is about to go, even where a writer was killed before it rendered.
            self._render_config()
            versions = self.versions(model)
            named = {champion.version, champion.previous} if champion else set()
            old = tuple(version for version in versions[:-keep] if version not in {*named, candidate})
            aside = [_set_aside(folder / str(version)) for version in old]
            if aside:
                sync_folder(folder)
        for path in aside:
            shutil.rmtree(path, ignore_errors=True)
        self._sweep(model)
        return old

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
        path = self.root / serving_config.FILE_NAME
        before = path.read_bytes() if path.is_file() else b""
        named = serving_config.named_versions(before.decode("utf-8", "replace"))
        served = {model: self._served(model, named.get(model, ())) for model in self.models()}
        versions = {model: numbers for model, numbers in served.items() if numbers}
        text = serving_config.models_config(versions, self.base_path or str(self.root.resolve())).encode()
        if before != text:
            write_file(path, text)
        return path

    def _served(self, model: str, before: tuple[int, ...]) -> tuple[int, ...]:
        """Champion and candidate, as far as they are there; what was served before where the champion can't be told.

        One model's broken file must not take it, or any other, off a server.
        """
        there = self.versions(model)
        try:
            champion = self.champion(model)
        except InputError:
            return tuple(version for version in before if version in there)
        if champion is None:
            return ()
        if champion.version not in there:
            return tuple(version for version in before if version in there)
        with suppress(InputError):
            candidate = self.candidate(model)
            return (champion.version, candidate) if candidate in there and candidate else (champion.version,)
        return (champion.version,)

    def _forget_promoted_candidate(self, model: str, version: int) -> None:
        folder = self._folder(model)
        try:
            candidate = pointers.read_candidate(folder)
        except InputError:
            return  # a broken candidate.json is no reason to refuse a champion
        if candidate and candidate.version == version:
            pointers.remove_candidate(folder)

    def _numbers(self, model: str) -> list[int]:
        folder = self._folder(model)
        if not folder.is_dir():
            return []
        return [int(path.name) for path in folder.iterdir() if _VERSION.fullmatch(path.name)]

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")

    def _sweep(self, model: str) -> None:
        sweep(self.root)
        sweep(self._folder(model))

    def _lock(self) -> AbstractContextManager[None]:
        return locked(self.root)

    def _equal_version(self, model: str, content: str) -> int | None:
        for version in reversed(self.versions(model)):
            folder = self._folder(model) / str(version)
            if checksums.published_content(folder) == content and not checksums.damage(folder):
                return version
        return None

    def _commit(self, model: str, incoming: Path) -> int:
        folder = self._folder(model)
        champion = self.champion(model)
        taken = self._numbers(model)
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


def _renamed(incoming: Path, final: Path) -> bool:
    try:
        incoming.rename(final)
    except OSError:
        if final.exists():
            return False
        raise
    return True


def _set_aside(version: Path) -> Path:
    aside = outgoing_path(version)
    version.rename(aside)
    return aside


def _ignore_own_checksums(candidate: Path) -> Callable[[str, list[str]], list[str]]:
    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name == checksums.FILE_NAME and Path(folder) == candidate]

    return ignored
