"""Which version a candidate is judged against."""

import json
from pathlib import Path

import pytest

from components.deploy.store import ModelStore
from components.validate.champion import version_to_beat


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store with two versions of `river`, the second champion."""
    found = ModelStore(tmp_path / "store")
    for number in (1, 2):
        candidate = tmp_path / f"candidate-{number}"
        candidate.mkdir()
        (candidate / "model_card.json").write_text(json.dumps({"name": "river", "seed": number}))
        found.promote("river", found.publish("river", candidate))
    return found


def test_the_version_that_is_named_is_taken_whoever_is_champion_now(store: ModelStore):
    assert [version_to_beat(store, "river", named) for named in (0, 1, 2)] == [0, 1, 2]


def test_a_run_that_can_not_name_it_is_judged_against_the_champion_of_now(store: ModelStore):
    assert version_to_beat(store, "river", -1) == 2
    store.rollback("river")
    assert version_to_beat(store, "river", -1) == 1


def test_the_first_version_of_a_model_has_none_to_beat(store: ModelStore):
    assert version_to_beat(store, "lake", -1) == 0
