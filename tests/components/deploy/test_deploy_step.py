from __future__ import annotations

import pytest

from components.deploy.step import DeployRequest, deploy_candidate, open_store
from components.errors import InputError
from components.journal import Journal, read_events


def test_a_candidate_becomes_the_next_version_and_champion(tmp_path, make_candidate):
    store = open_store(str(tmp_path / "store"))
    journal = Journal(str(tmp_path), "deploy")
    first = deploy_candidate(DeployRequest(store, make_candidate("one")), journal)
    second = deploy_candidate(DeployRequest(store, make_candidate("two")), journal)
    assert (first.model, first.version, first.previous) == ("creek", 1, 0)
    assert (second.version, second.previous) == (2, 1)
    assert store.champion("creek").version == 2
    assert read_events(str(tmp_path))[0][-1]["text"] == "creek version 2 is champion"


def test_old_versions_are_removed_and_counted(tmp_path, make_candidate):
    store = open_store(str(tmp_path / "store"))
    for text in ("one", "two", "three"):
        assert deploy_candidate(DeployRequest(store, make_candidate(text), keep=2), Journal("", "deploy")).removed == (
            1 if text == "three" else 0
        )
    journal = Journal(str(tmp_path), "deploy")
    assert deploy_candidate(DeployRequest(store, make_candidate("four"), keep=1), journal).removed == 1
    assert store.versions("creek") == (3, 4)
    assert read_events(str(tmp_path))[0][-1]["text"] == "creek: removed version 2"


def test_a_deploy_is_not_failed_by_old_versions_that_cannot_be_removed(tmp_path, make_candidate):
    store = open_store(str(tmp_path / "store"))
    for text in ("one", "two"):
        deploy_candidate(DeployRequest(store, make_candidate(text)), Journal("", "deploy"))
    (store.root / "creek" / "candidate.json").write_text("{")
    summary = deploy_candidate(DeployRequest(store, make_candidate("three"), keep=1), Journal(str(tmp_path), "deploy"))
    assert (summary.version, summary.removed) == (3, 0)
    assert "old versions of creek stay" in read_events(str(tmp_path))[0][-1]["text"]


def test_keeping_no_version_is_refused_before_anything_is_published(tmp_path, make_candidate):
    store = open_store(str(tmp_path / "store"))
    with pytest.raises(InputError, match="keep at least 1"):
        deploy_candidate(DeployRequest(store, make_candidate("one"), keep=0), Journal("", "deploy"))
    assert store.models() == ()


@pytest.mark.parametrize("name", ["saved_model.pb", "model_card.json"])
def test_an_incomplete_candidate_leaves_the_champion_as_it_is(tmp_path, make_candidate, name):
    store = open_store(str(tmp_path / "store"))
    deploy_candidate(DeployRequest(store, make_candidate("one")), Journal("", "deploy"))
    candidate = make_candidate("two")
    (candidate / name).unlink()
    with pytest.raises(InputError, match=f"lacks {name}"):
        deploy_candidate(DeployRequest(store, candidate), Journal("", "deploy"))
    assert (store.champion("creek").version, store.versions("creek")) == (1, (1,))


def test_a_store_in_a_bucket_is_refused_with_what_to_do():
    with pytest.raises(InputError, match="mount the bucket"):
        open_store("s3://models/store")
