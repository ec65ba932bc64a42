"""A writer killed at any step on disk leaves a store that every reader understands, and the next writer cleans."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from components.deploy.store import ModelStore

Run = Callable[[Path, list[Any], int], dict[str, Any]]

# What is done to a store of versions 1 to 5: champion 3, after 2, and candidate 4.
CALLS = {
    "publish": ["publish", "creek", "CANDIDATE"],
    "publish an equal": ["publish", "creek", "EQUAL"],
    "promote": ["promote", "creek", 5],
    "promote the candidate": ["promote", "creek", 4],
    "rollback": ["rollback", "creek"],
    "stage": ["stage", "creek", 5],
    "unstage": ["unstage", "creek"],
    "prune": ["prune", "creek", 1],
}


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Does something to a store in a process that is killed at the n-th step; 0 for never."""
    script = Path(__file__).with_name("killed_writer.py")
    process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout

    def order(root: Path, call: list[Any], die_at: int) -> dict[str, Any]:
        process.stdin.write(json.dumps({"root": str(root), "call": call, "die_at": die_at}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield order
    process.stdin.close()
    assert process.wait(10) == 0


def write_version(folder: Path, text: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_text(text)
    (folder / "model_card.json").write_text(json.dumps({"name": "creek"}))
    return folder


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill, other than a power cut, loses nothing that was written."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A folder with the store to start from, and candidates to publish."""
    root = tmp_path_factory.mktemp("template")
    store = ModelStore(root / "store")
    for number in range(1, 6):
        store.publish("creek", write_version(root / f"version-{number}", f"weights {number}"))
    store.publish("tide", write_version(root / "tide", "tide"))
    store.promote("tide", 1)
    store.promote("creek", 2)
    store.promote("creek", 3)
    store.stage("creek", 4)
    write_version(root / "candidate", "weights 6")
    return root


@pytest.fixture
def begin(template, tmp_path) -> Callable[[], ModelStore]:
    """A fresh copy of that store, at the same place each time."""

    def fresh() -> ModelStore:
        root = tmp_path / "store"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template / "store", root)
        return ModelStore(root)

    return fresh


def state(store: ModelStore) -> tuple[Any, ...]:
    """What a reader that knows nothing finds; fails where anything is half done."""
    found = ModelStore(store.root)
    for model in ("creek", "tide"):
        assert found.half_written(model) == ()
        assert found.damaged(model) == {}
    champion = found.champion("creek")
    versions = found.versions("creek")
    assert champion.version in versions
    assert champion.previous in versions
    candidate = found.candidate("creek")
    assert candidate is None or candidate in versions
    assert found.champion("tide").version == 1
    return versions, (champion.version, champion.previous), candidate, pinned(found)


def pinned(store: ModelStore) -> tuple[int, ...]:
    """The versions of creek in models.config; each is there, as is tide's."""
    text = (store.root / "models.config").read_text()
    models = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    named = {own.name: tuple(own.model_version_policy.specific.versions) for own in models}
    assert set(named) == {"creek", "tide"}
    assert named["tide"] == (1,)
    assert set(named["creek"]) <= set(store.versions("creek"))
    return named["creek"]


@pytest.mark.parametrize("name", CALLS)
def test_a_writer_killed_at_any_step_leaves_a_whole_store(name, run, begin, template):
    places = {"CANDIDATE": str(template / "candidate"), "EQUAL": str(template / "version-1")}
    call = [places.get(part, part) for part in CALLS[name]]
    before, whole, after = state(store := begin()), run(store.root, call, 0), state(store)
    assert (whole["killed"], whole["error"]) == (False, "")
    assert whole["steps"] > 8
    for step in range(1, whole["steps"] + 1):
        store = begin()
        assert run(store.root, call, step)["killed"]
        versions, *pointers = state(store)
        # Versions come and go one by one; of the rest each is as it was or as it shall be.
        assert set(after[0]) & set(before[0]) <= set(versions) <= set(before[0]) | set(after[0])
        for found, old, new in zip(pointers, before[1:], after[1:], strict=True):
            assert found in (old, new), f"step {step}"
        finish(store, call, before, after)


def finish(store: ModelStore, call: list[Any], before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    """The next writers do what the killed one didn't, and clean up after it."""
    if call[0] != "rollback" or store.champion("creek").version == before[1][0]:
        getattr(store, call[0])(*[Path(part) if "/" in str(part) else part for part in call[1:]])
    store.render_config()
    store.prune("creek", 10)
    assert {path.name for path in store.root.iterdir()} == {".lock", "models.config", "creek", "tide"}
    names = {path.name for path in (store.root / "creek").iterdir()}
    assert names - {"candidate.json"} == {"champion.json", *map(str, after[0])}
    assert state(store) == after
