from __future__ import annotations

from kfp import dsl

from components.deploy.component import deploy
from components.deploy.store import ModelStore
from components.journal import read_events


def test_the_component_returns_the_version_that_it_made_champion(tmp_path, make_candidate):
    candidate = dsl.Model(uri=str(make_candidate("one")))
    version = deploy.python_func(str(tmp_path / "store"), str(tmp_path / "work"), "1", candidate)
    assert version == ModelStore(tmp_path / "store").champion("creek").version == 1
    assert read_events(str(tmp_path / "work"))[0][-1]["figures"]["version"] == 1
