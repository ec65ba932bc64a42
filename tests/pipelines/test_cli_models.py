"""`sluice models` on a store of small folders."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from components.deploy.store import ModelStore
from pipelines.cli.models import app


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Versions 1 to 5 of creek, champion 2 after 1."""
    store = ModelStore(tmp_path / "store", clock=lambda: 1_700_000_000.0)
    for number in range(1, 6):
        folder = tmp_path / f"candidate-{number}"
        folder.mkdir()
        card = {"name": "creek", "created": f"2026-01-0{number}", "metrics": {"validation": {"rmse": number / 10}}}
        (folder / "model_card.json").write_text(json.dumps(card))
        (folder / "saved_model.pb").write_text(f"graph {number}")
        store.publish("creek", folder)
    store.promote("creek", 1)
    store.promote("creek", 2)
    return store


def sluice_models(store: ModelStore, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--store", str(store.root)])


def test_a_version_is_staged_and_unstaged(store: ModelStore):
    assert sluice_models(store, "stage", "creek", "3").stdout == "creek version 3 is on trial\n"
    assert store.candidate("creek") == 3
    told = json.loads(sluice_models(store, "stage", "creek", "4", "--json").stdout)
    assert (told["model"], told["candidate"]) == ("creek", 4)
    assert sluice_models(store, "unstage").stdout == "creek has no version on trial\n"
    assert store.candidate("creek") is None
    assert json.loads(sluice_models(store, "unstage", "creek", "--json").stdout)["candidate"] is None


def test_staging_the_champion_exits_with_2(store: ModelStore):
    result = sluice_models(store, "stage", "creek", "2")
    assert result.exit_code == 2
    assert "is the champion" in result.stderr


def test_old_versions_are_pruned(store: ModelStore):
    assert sluice_models(store, "prune").stdout == "creek: versions removed: none; kept: 1, 2, 3, 4, 5\n"
    told = json.loads(sluice_models(store, "prune", "creek", "--keep", "2", "--json").stdout)
    assert told == {"model": "creek", "removed": [3], "kept": [1, 2, 4, 5]}
    assert sluice_models(store, "prune", "--keep", "1").stdout == "creek: versions removed: 4; kept: 1, 2, 5\n"
    result = sluice_models(store, "prune", "--keep", "0")
    assert (result.exit_code, store.versions("creek")) == (2, (1, 2, 5))


def test_the_list_names_champion_candidate_and_damage(store: ModelStore):
    store.stage("creek", 4)
    (store.path("creek", 3) / "model_card.json").unlink()
    (store.path("creek", 5) / "checksums.json").unlink()
    lines = sluice_models(store, "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [["creek", "1", "2026-01-01"], ["creek", "2", "2026-01-02"]]
    assert lines[0].endswith("validation RMSE 0.1")
    assert lines[1].endswith("champion")
    assert lines[2].endswith("DAMAGED (missing: model_card.json)")
    assert lines[3].endswith("candidate")
    assert lines[4].endswith("DAMAGED (no checksums.json: half written)")
    rows = {row["version"]: row for row in json.loads(sluice_models(store, "list", "--json").stdout)}
    assert [number for number, row in rows.items() if row["champion"]] == [2]
    assert [number for number, row in rows.items() if row["candidate"]] == [4]
    assert [number for number, row in rows.items() if row["damage"]] == [3, 5]
    assert rows[2]["validation_rmse"] == 0.2
    assert rows[2]["path"] == str(store.path("creek", 2))


def test_the_list_survives_a_broken_champion_file(store: ModelStore):
    (store.root / "creek" / "champion.json").write_text("{")
    result = sluice_models(store, "list")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 5
    assert "is no champion file" in result.stderr
