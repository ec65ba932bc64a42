"""The smoke test of the compiled pipeline as a Job in the image, against an InferenceService."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.deploy.store import ModelStore

sys.path.insert(0, str(Path(__file__).parent))
from node import Node
from release import PREDICTOR, STORE, WORK, Release
from river import MODEL, River, give, publish
from step_job import Call, compiled, step_job

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def served(node: Node, river: River) -> Iterator[Release]:
    """The chart without a card, serving version 1; prepared series on the work claim."""
    node.namespace("smoke")
    release = Release(node, "smoke", "cpu")
    release.install()
    node.bind(release.namespace, STORE, WORK)
    publish(release.store, river.versions[0])
    work = node.folder(release.namespace, WORK)
    shutil.copytree(river.series, work / "series")
    give(work)
    release.wait_ready()
    yield release
    node.kubectl("delete", "namespace", release.namespace, "--wait=false")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """The compiled pipeline of the profile `cpu`."""
    return compiled("cpu", tmp_path_factory.mktemp("compiled"))


class SmokeTest:
    """Runs the step for a version."""

    def __init__(self, release: Release, river: River, documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
        self.release, self.dataset, self.documents = release, river.dataset, documents

    def run(self, version: int, service: str = PREDICTOR, deadline_seconds: int = 60) -> tuple[str, str]:
        """`Complete` or `Failed`, and what the pod said."""
        parameters = {
            "dataset": self.dataset,
            "store": "/mnt/models",
            "version": version,
            "service": f"http://{service}",
            "service_grpc": f"grpc://{service}:8500",
            "deadline_seconds": deadline_seconds,
            "tolerance": 1.0,
            "key_file": "",
            "ca": "",
            "work": "/mnt/work",
            "revision": "",
        }
        call = Call(parameters, {"series": "/mnt/work/series"})
        name, node, space = f"smoke-{version}", self.release.node, self.release.namespace
        said = node.create(space, step_job(self.documents, "smoke-test", name, call))
        assert said == "", said
        node.wait("the smoke test ends", lambda: bool(ends(node, space, name)), 150)
        return ends(node, space, name), node.kubectl("logs", "-n", space, f"job/{name}", "--tail=-1").stdout

    def verdict(self) -> dict[str, Any]:
        work = self.release.node.folder(self.release.namespace, WORK)
        return dict(json.loads((work / "artifacts" / "verdict").read_text()))


@pytest.fixture
def smoke_test(served: Release, river: River, documents: tuple[dict[str, Any], dict[str, Any]]) -> SmokeTest:
    return SmokeTest(served, river, documents)


def ends(node: Node, namespace: str, name: str) -> str:
    conditions = node.get("job", name, "-n", namespace)["status"].get("conditions", [])
    return next((one["type"] for one in conditions if one["type"] in ("Complete", "Failed")), "")


def test_a_good_champion_passes_and_one_whose_answers_are_wrong_is_rolled_back_with_the_reason(
    served: Release, river: River, smoke_test: SmokeTest
) -> None:
    good = publish(served.store, river.versions[1])
    assert smoke_test.run(good)[0] == "Complete"
    verdict = smoke_test.verdict()
    assert (verdict["passed"], set(verdict["differences"])) == (True, {"v1", "tfserving"})

    wrong = publish(served.store, river.mixed)
    ended, said = smoke_test.run(wrong)
    assert ended == "Failed"
    assert "differs from Keras'" in said
    assert f"rolled back to version {good}" in said
    assert smoke_test.verdict()["rolled_back_to"] == good
    assert champion(served) == good
    served.node.wait("the service follows", lambda: served.versions() == {good})


def test_a_champion_that_no_server_has_is_rolled_back_at_the_deadline(
    served: Release, river: River, smoke_test: SmokeTest, tmp_path: Path
) -> None:
    before = champion(served)
    damaged = shutil.copytree(river.versions[0], tmp_path / "damaged")
    (damaged / "saved_model.pb").write_bytes(b"nothing that can be loaded")
    version = publish(served.store, damaged)
    ended, said = smoke_test.run(version, deadline_seconds=5)
    assert ended == "Failed"
    assert f"{MODEL} version {version}: " in said
    assert f"rolled back to version {before}" in said
    assert champion(served) == before
    assert served.versions() == {before}


def champion(release: Release) -> int:
    found = ModelStore(release.store).champion(MODEL)
    assert found is not None
    return found.version
