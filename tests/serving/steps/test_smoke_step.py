"""The smoke test against real servers: what it waits for, what it finds wrong, and that it rolls back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.dataset.load import load_dataset
from components.deploy.store import ModelStore
from components.journal import Journal, read_events
from serving.steps.smoke_test.step import Service, SmokeTestFailedError, SmokeTestRequest, run_smoke_test


@pytest.fixture
def request_of(changing_server, river_series, candidates, tmp_path) -> Callable[[int], SmokeTestRequest]:
    """A request about a version of `river`, with the addresses of the server."""

    def build(version: int) -> SmokeTestRequest:
        return SmokeTestRequest(
            dataset=load_dataset(candidates["river-1"] / "dataset.yaml"),
            series=river_series,
            store=changing_server.store,
            version=version,
            service=Service(changing_server.url("v1"), changing_server.url("tfserving")),
            verdict=tmp_path / "verdict.json",
            deadline_seconds=60,
        )

    return build


@pytest.fixture
def mixed(candidates, tmp_path) -> Path:
    """A candidate whose SavedModel is that of another version."""
    folder = shutil.copytree(candidates["river-1"], tmp_path / "mixed")
    for part in ("variables", "saved_model.pb", "fingerprint.pb"):
        source, target = candidates["river-2"] / part, folder / part
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return folder


def tell(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "work"), "smoke test")


def test_a_new_champion_is_waited_for_and_its_answers_are_right_over_rest_and_grpc(
    changing_server, request_of, eventually, tmp_path
):
    changing_server.store.promote("river", 1)
    eventually(lambda: changing_server.version() == "1", 20)
    changing_server.store.promote("river", 2)
    verdict = run_smoke_test(request_of(2), tell(tmp_path))
    assert verdict.passed
    assert set(verdict.differences) == {"v1", "tfserving"}
    assert all(0 <= share <= 1 for share in verdict.differences.values())
    assert json.loads((tmp_path / "verdict.json").read_text())["passed"] is True
    assert changing_server.version() == "2"
    assert changing_server.store.champion("river").version == 2


def test_wrong_answers_roll_the_champion_back_and_the_server_follows(
    changing_server, request_of, eventually, mixed, tmp_path
):
    store = changing_server.store
    store.promote("river", 2)
    wrong = store.publish("river", mixed)
    store.promote("river", wrong)
    with pytest.raises(
        SmokeTestFailedError, match=rf"version {wrong}: .*differs from Keras'.*rolled back to version 2"
    ):
        run_smoke_test(request_of(wrong), tell(tmp_path))
    assert store.champion("river").version == 2
    eventually(lambda: changing_server.version() == "2", 20)
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert (written["passed"], written["rolled_back_to"]) == (False, 2)
    assert "rolled back to version 2" in read_events(str(tmp_path / "work"))[0][-1]["text"]


def test_a_second_try_after_the_roll_back_changes_nothing_and_says_so(changing_server, request_of, mixed, tmp_path):
    store = changing_server.store
    wrong = store.publish("river", mixed)
    store.promote("river", 2)
    before = store.champion("river")
    with pytest.raises(SmokeTestFailedError, match="an earlier try has rolled it back"):
        run_smoke_test(request_of(wrong), tell(tmp_path))
    assert store.champion("river") == before


def test_a_version_that_the_server_never_has_is_rolled_back_at_the_deadline(
    request_of, store: ModelStore, eventually, changing_server, tmp_path
):
    changing_server.store.promote("river", 1)
    eventually(lambda: changing_server.version() == "1", 20)
    store.promote("river", 2)
    with pytest.raises(SmokeTestFailedError, match=r"not served within 2 s: .*version 1; rolled back to version 1"):
        run_smoke_test(replace(request_of(2), store=store, deadline_seconds=2), tell(tmp_path))
    assert store.champion("river").version == 1


def test_a_server_that_does_not_answer_at_all_is_no_reason_to_keep_the_champion(
    request_of, store: ModelStore, ports, tmp_path
):
    store.promote("river", 2)
    asked = replace(request_of(2), store=store, service=Service(f"http://localhost:{ports[0]}"), deadline_seconds=1)
    with pytest.raises(SmokeTestFailedError, match="rolled back to version 1"):
        run_smoke_test(asked, tell(tmp_path))
    assert store.champion("river").version == 1


def test_the_first_version_of_a_model_stays_because_there_is_none_to_roll_back_to(
    request_of, candidates, ports, tmp_path
):
    store = ModelStore(tmp_path / "new")
    store.promote("river", store.publish("river", candidates["river-1"]))
    asked = replace(request_of(1), store=store, service=Service(f"http://localhost:{ports[0]}"), deadline_seconds=0)
    with pytest.raises(SmokeTestFailedError, match="no version to roll back to; it stays champion"):
        run_smoke_test(asked, tell(tmp_path))
    assert store.champion("river").version == 1


def test_another_champion_of_meanwhile_is_left_alone(request_of, store: ModelStore, candidates, ports, tmp_path):
    store.promote("river", 2)

    def somebody_promotes(_: float) -> None:
        store.promote("river", 1)

    asked = replace(
        request_of(2),
        store=store,
        service=Service(f"http://localhost:{ports[0]}"),
        deadline_seconds=0.5,
        sleep=somebody_promotes,
    )
    with pytest.raises(SmokeTestFailedError, match="another version has become champion meanwhile"):
        run_smoke_test(asked, tell(tmp_path))
    assert store.champion("river").version == 1


def test_without_a_service_nothing_is_asked(request_of, store: ModelStore, tmp_path):
    verdict = run_smoke_test(replace(request_of(1), store=store, service=Service("")), tell(tmp_path))
    assert verdict.passed
    assert verdict.skipped


def test_a_champion_served_by_tensorflow_serving_behind_the_front_passes(
    start_tfserving, request_of, candidates, eventually, store: ModelStore, tmp_path
):
    running = start_tfserving(store)
    eventually(lambda: running.version() == "1", 30)
    store.promote("river", 2)
    asked = replace(
        request_of(2), store=store, service=Service(running.url("v1"), running.url("tfserving")), deadline_seconds=60
    )
    verdict = run_smoke_test(asked, tell(tmp_path))
    assert verdict.passed
