"""A candidate on trial beside the champion, and how old versions leave the store."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from components.deploy.store import ModelStore
from components.errors import InputError


@pytest.fixture
def store(tmp_path, make_candidate) -> ModelStore:
    """Versions 1 to 6 of creek, champion 2 after 1; version 1 of tide, its champion."""
    store = ModelStore(tmp_path / "store")
    for number in range(1, 7):
        store.publish("creek", make_candidate(f"creek-{number}"))
    store.publish("tide", make_candidate("tide"))
    store.promote("tide", 1)
    store.promote("creek", 1)
    store.promote("creek", 2)
    return store


def pinned(store: ModelStore) -> dict[str, tuple[int, ...]]:
    """Versions by model in models.config, as TensorFlow Serving reads it."""
    text = (store.root / "models.config").read_text()
    models = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    return {own.name: tuple(own.model_version_policy.specific.versions) for own in models}


def hidden(store: ModelStore) -> list[str]:
    return [path.name for path in (store.root / "creek").iterdir() if path.name.startswith(".")]


def test_a_staged_version_is_candidate_and_served_beside_the_champion(store):
    store.stage("creek", 4)
    assert (store.candidate("creek"), store.champion("creek").version) == (4, 2)
    assert pinned(store) == {"creek": (2, 4), "tide": (1,)}
    told = json.loads((store.root / "creek" / "candidate.json").read_text())
    assert set(told) == {"version", "at"}
    assert told["version"] == 4
    store.stage("creek", 5)
    assert (store.candidate("creek"), pinned(store)["creek"]) == (5, (2, 5))
    store.unstage("creek")
    assert (store.candidate("creek"), pinned(store)["creek"]) == (None, (2,))
    assert not (store.root / "creek" / "candidate.json").exists()
    store.unstage("creek")
    assert store.versions("creek") == (1, 2, 3, 4, 5, 6)


def test_a_promoted_candidate_is_no_candidate_any_longer_also_after_a_rollback(store):
    store.stage("creek", 4)
    assert store.promote("creek", 4).previous == 2
    assert (store.candidate("creek"), pinned(store)["creek"]) == (None, (4,))
    store.rollback("creek")
    assert (store.candidate("creek"), pinned(store)["creek"]) == (None, (2,))


def test_a_candidate_stays_when_another_version_is_promoted(store):
    store.stage("creek", 4)
    store.promote("creek", 5)
    assert (store.candidate("creek"), pinned(store)["creek"]) == (4, (5, 4))


def test_the_champion_damaged_and_unknown_versions_are_not_staged(store, make_candidate):
    with pytest.raises(InputError, match="version 2 of creek is the champion"):
        store.stage("creek", 2)
    os.truncate(store.path("creek", 4) / "saved_model.pb", 1)
    with pytest.raises(InputError, match="is damaged"):
        store.stage("creek", 4)
    with pytest.raises(InputError, match="choose one of"):
        store.stage("creek", 9)
    store.publish("pond", make_candidate("pond"))
    with pytest.raises(InputError, match="pond has no champion"):
        store.stage("pond", 1)
    assert store.candidate("creek") is None
    assert pinned(store) == {"creek": (2,), "tide": (1,)}


def test_pruning_keeps_the_newest_the_champion_the_one_before_it_and_the_candidate(store):
    store.stage("creek", 3)
    assert store.prune("creek", 1) == (4, 5)
    assert store.versions("creek") == (1, 2, 3, 6)
    assert store.rollback("creek").version == 1
    assert store.prune("creek", 1) == ()
    store.promote("creek", 6)
    store.unstage("creek")
    assert store.prune("creek", 2) == (2,)
    assert store.prune("creek", 1) == (3,)
    assert (store.versions("creek"), hidden(store)) == ((1, 6), [])
    assert store.versions("tide") == (1,)


def test_a_number_is_not_used_again_after_pruning(store, make_candidate):
    store.prune("creek", 1)
    assert store.publish("creek", make_candidate("new")) == 7


@pytest.mark.parametrize("keep", [0, -1])
def test_pruning_everything_is_refused(store, keep):
    with pytest.raises(InputError, match="keep at least 1"):
        store.prune("creek", keep)
    assert store.versions("creek") == (1, 2, 3, 4, 5, 6)


def test_nothing_is_removed_while_the_champion_is_not_known(store):
    (store.root / "creek" / "champion.json").write_text("{")
    with pytest.raises(InputError, match="is no champion file"):
        store.prune("creek", 1)
    assert store.versions("creek") == (1, 2, 3, 4, 5, 6)


def test_a_version_leaves_in_one_piece_before_its_files_are_deleted(store, monkeypatch):
    seen: list[tuple[int, ...]] = []

    def stuck(path: Path, ignore_errors: bool) -> None:
        seen.append(store.versions("creek"))
        assert (path / "checksums.json").is_file()
        assert path.name.startswith(".outgoing-")

    monkeypatch.setattr("shutil.rmtree", stuck)
    assert store.prune("creek", 4) == ()
    store.promote("creek", 6)
    assert store.prune("creek", 2) == (1, 3, 4)
    assert seen == [(2, 5, 6)] * 3


def test_a_broken_champion_file_of_one_model_harms_no_other(store):
    (store.root / "creek" / "champion.json").write_text("{")
    store.promote("tide", 1)
    assert pinned(store) == {"creek": (2,), "tide": (1,)}
    with pytest.raises(InputError, match="is no champion file"):
        store.promote("creek", 3)
    (store.root / "models.config").unlink()
    store.render_config()
    assert pinned(store) == {"tide": (1,)}
    (store.root / "creek" / "champion.json").unlink()
    assert store.promote("creek", 3).version == 3
    assert pinned(store) == {"creek": (3,), "tide": (1,)}


def test_a_broken_candidate_file_keeps_no_champion_from_being_served(store):
    (store.root / "creek" / "candidate.json").write_text('{"version": "x"}')
    with pytest.raises(InputError, match="is no candidate file"):
        store.candidate("creek")
    assert store.promote("creek", 5).version == 5
    assert pinned(store)["creek"] == (5,)
    store.unstage("creek")
    assert store.candidate("creek") is None


def test_the_config_never_names_a_version_that_is_gone(store):
    store.stage("creek", 4)
    store.path("creek", 4).rename(store.root / "elsewhere")
    store.render_config()
    assert pinned(store)["creek"] == (2,)
    store.path("creek", 2).rename(store.root / "elsewhere-2")
    store.render_config()
    assert pinned(store) == {"tide": (1,)}


def test_damage_is_listed_by_version(store):
    (store.path("creek", 3) / "saved_model.pb").write_bytes(b"graqh")
    (store.path("creek", 4) / "checksums.json").write_text("{")
    (store.path("creek", 5) / "checksums.json").unlink()
    (store.path("creek", 6) / "checksums.json").write_text('{"files": 3}')
    assert store.damaged("creek") == {
        3: "changed: saved_model.pb",
        4: "unreadable: checksums.json",
        5: "no checksums.json: half written",
        6: "unreadable: checksums.json",
    }
    assert store.half_written("creek") == (5,)
    assert store.damaged("tide") == {}


def test_a_version_with_unreadable_checksums_keeps_nothing_from_being_published(store, make_candidate):
    (store.path("creek", 4) / "checksums.json").write_text("{")
    assert store.publish("creek", make_candidate("new")) == 7
    assert store.publish("creek", store.path("creek", 4)) == 8
