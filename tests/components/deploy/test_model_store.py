from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.deploy.pointers import Champion
from components.deploy.store import ModelStore
from components.errors import InputError

NOON = 1_700_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store", clock=lambda: NOON)


def publish(root: Path, candidate: Path) -> int:
    return ModelStore(root).publish("creek", candidate)


def test_a_published_version_holds_the_candidates_files_and_their_checksums(store, make_candidate):
    candidate = make_candidate("one")
    assert store.publish("creek", candidate) == 1
    version = store.path("creek", 1)
    names = {path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file()}
    assert names == {
        "saved_model.pb",
        "variables/variables.index",
        "assets.extra/tf_serving_warmup_requests",
        "model_card.json",
        "checksums.json",
    }
    assert (store.models(), store.versions("creek"), store.champion("creek")) == (("creek",), (1,), None)
    store.verify("creek", 1)
    assert store.model_card("creek", 1) == {"name": "creek"}


def test_the_same_content_is_the_same_version(store, make_candidate):
    assert [store.publish("creek", make_candidate(text)) for text in ("one", "two")] == [1, 2]
    assert store.publish("creek", make_candidate("one-again").parent / "candidate-one") == 1
    assert store.publish("creek", store.path("creek", 2)) == 2
    assert store.versions("creek") == (1, 2)


def test_a_damaged_version_is_told_not_promoted_and_not_taken_for_its_equal(store, make_candidate):
    candidate = make_candidate("one")
    store.publish("creek", candidate)
    (store.path("creek", 1) / "variables" / "variables.index").write_text("onf")
    with pytest.raises(InputError, match=r"changed: variables/variables.index"):
        store.verify("creek", 1)
    with pytest.raises(InputError, match="is damaged"):
        store.promote("creek", 1)
    assert store.champion("creek") is None
    assert store.publish("creek", candidate) == 2


def test_missing_and_added_files_are_damage(store, make_candidate):
    store.publish("creek", make_candidate("one"))
    (store.path("creek", 1) / "saved_model.pb").rename(store.path("creek", 1) / "other.pb")
    with pytest.raises(InputError, match=r"missing: saved_model.pb; added: other.pb"):
        store.verify("creek", 1)


def test_promote_and_roll_back_move_nothing_but_the_champion(store, make_candidate):
    for text in ("one", "two"):
        store.publish("creek", make_candidate(text))
    assert store.promote("creek", 1) == Champion(1, None, "2023-11-14T22:13:20+00:00")
    assert store.promote("creek", 2).previous == 1
    assert store.promote("creek", 2).previous == 1
    told = json.loads((store.root / "creek" / "champion.json").read_text())
    assert told == {"version": 2, "previous": 1, "at": "2023-11-14T22:13:20+00:00"}
    assert store.rollback("creek").version == 1
    assert store.champion("creek") == Champion(1, 2, "2023-11-14T22:13:20+00:00")
    assert store.versions("creek") == (1, 2)


def test_rollback_without_a_previous_champion_is_refused(store, make_candidate):
    store.publish("creek", make_candidate("one"))
    with pytest.raises(InputError, match="has no previous champion"):
        store.rollback("creek")
    store.promote("creek", 1)
    with pytest.raises(InputError, match=r"versions: 1"):
        store.rollback("creek")


def test_unknown_models_and_versions_list_what_there_is(store, make_candidate):
    store.publish("creek", make_candidate("one"))
    store.publish("creek", make_candidate("two"))
    with pytest.raises(InputError, match="choose one of 1, 2"):
        store.promote("creek", 7)
    with pytest.raises(InputError, match="models there: creek"):
        store.promote("river", 1)
    with pytest.raises(InputError, match="is no model name"):
        store.path("../creek", 1)


def test_a_champion_file_that_is_no_json_is_told(store, make_candidate):
    store.publish("creek", make_candidate("one"))
    (store.root / "creek" / "champion.json").write_text("{")
    with pytest.raises(InputError, match="is no champion file"):
        store.champion("creek")


def test_versions_without_checksums_and_other_folders_do_not_exist(store, make_candidate):
    store.publish("creek", make_candidate("one"))
    for name in ("3", "007", "latest", ".incoming-1-elsewhere-x"):
        (store.root / "creek" / name).mkdir()
    assert store.versions("creek") == (1,)
    (store.root / "creek" / "3" / "part").touch()
    assert store.publish("creek", make_candidate("two")) == 4


def test_a_number_is_not_used_twice_after_the_newest_versions_were_removed(store, make_candidate):
    for text in ("one", "two"):
        store.publish("creek", make_candidate(text))
    store.promote("creek", 2)
    store.path("creek", 2).rename(store.root / "removed")
    assert store.publish("creek", make_candidate("three")) == 3


def test_what_a_dead_writer_left_is_ignored_and_cleaned(store, make_candidate):
    finished = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = int(finished.stdout)
    left = store.root / "creek" / f".incoming-{dead}-{os.uname().nodename}-abc"
    live = store.root / "creek" / f".incoming-{os.getpid()}-{os.uname().nodename}-abc"
    foreign = store.root / "creek" / ".incoming-1-another-host-abc"
    for folder in (left, live, foreign):
        (folder / "variables").mkdir(parents=True)
    assert store.versions("creek") == ()
    store.publish("creek", make_candidate("one"))
    assert not left.exists()
    assert live.exists()
    assert foreign.exists()


def test_a_writer_killed_at_any_moment_leaves_whole_versions_only(store, make_candidate):
    candidate = make_candidate("one")
    (candidate / "big").write_bytes(os.urandom(20_000_000))
    context = multiprocessing.get_context("fork")
    for wait in (0.0, 0.01, 0.02, 0.04, 0.08, 0.2):
        writer = context.Process(target=publish, args=(store.root, candidate))
        writer.start()
        writer.join(wait)
        os.kill(writer.pid, signal.SIGKILL) if writer.is_alive() else None
        writer.join()
        for version in store.versions("creek"):
            store.verify("creek", version)
    assert store.publish("creek", candidate) == 1
    assert store.versions("creek") == (1,)
    assert list((store.root / "creek").glob(".incoming-*")) == []


def test_writers_at_the_same_time_get_different_numbers_for_different_candidates(store, make_candidate):
    candidates = [make_candidate(str(number)) for number in range(6)]
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        versions = pool.starmap(publish, [(store.root, candidate) for candidate in [*candidates, *candidates]])
    assert versions[:6] == versions[6:]
    assert sorted(versions[:6]) == [1, 2, 3, 4, 5, 6]
    for version in store.versions("creek"):
        store.verify("creek", version)


def test_a_version_that_appears_meanwhile_is_not_replaced(store, make_candidate, monkeypatch):
    # Without locks (some network file systems) two writers may choose the same number.
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError))
    listed = Path.iterdir
    store.publish("creek", make_candidate("one"))
    monkeypatch.setattr(Path, "iterdir", lambda path: (own for own in listed(path) if own.name != "1"))
    assert store.publish("creek", make_candidate("two")) == 2
    assert (store.root / "creek" / "1" / "variables" / "variables.index").read_text() == "one"


def test_models_config_pins_each_champion_in_the_format_of_tensorflow_serving(store, make_candidate):
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    for model, text in (("creek", "one"), ("creek", "two"), ("tide", "three")):
        store.publish(model, make_candidate(f"{model}-{text}"))
    store.publish("unused", make_candidate("four"))
    store.promote("creek", 2)
    store.promote("tide", 1)
    text = (store.root / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    told = {
        own.name: (own.base_path, own.model_platform, *own.model_version_policy.specific.versions) for own in config
    }
    root = store.root.resolve()
    assert told == {"creek": (f"{root}/creek", "tensorflow", 2), "tide": (f"{root}/tide", "tensorflow", 1)}


def test_models_config_names_the_folder_that_the_server_sees(store, make_candidate):
    store.publish("creek", make_candidate("one"))
    store.promote("creek", 1)
    path = ModelStore(store.root, base_path="/mnt/models").render_config()
    assert 'base_path: "/mnt/models/creek"' in path.read_text()


def test_an_empty_store_has_no_models_and_an_empty_config(store):
    assert store.models() == ()
    assert store.render_config().read_text() == "model_config_list {\n}\n"
