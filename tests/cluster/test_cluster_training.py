"""On one card: the train step of the compiled pipeline makes room for serving, and goes on from its checkpoint."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.journal import read_events
from components.train.checkpoint import Progress, load_checkpoint

sys.path.insert(0, str(Path(__file__).parent))
from node import Node
from release import CLAIMS, KINDS, STORE, WORK, Release
from river import River, give, publish
from step_job import Call, compiled, step_job

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]
MEMBER = "residual_gru"
# A node that is slow is still training when serving arrives; a fast one has little to wait for afterwards.
BUDGET_SECONDS = 70.0
# Another product, with cards to spare, and more of them than any V100 node has.
OTHER = ("t4", "--product", "Tesla-T4", "--gpus", "4", "--memory", "16384", "--taint")


@pytest.fixture
def one_card(node: Node, river: River) -> Iterator[Release]:
    """The chart for one card, with nothing but its quotas and claims; a store with a champion, prepared series."""
    node.namespace("one-card")
    node.tool("gpu-node", *OTHER)
    release = Release(node, "one-card", "shared")
    release.install("serving.enabled=false")
    node.bind(release.namespace, STORE, WORK)
    publish(release.store, river.versions[0])
    work = node.folder(release.namespace, WORK)
    shutil.copytree(river.series, work / "series")
    give(work)
    yield release
    node.kubectl("delete", "namespace", release.namespace, "--wait=false")
    node.kubectl("delete", "node", OTHER[0])


class Training:
    """The Job that trains."""

    def __init__(self, release: Release, river: River, folder: Path) -> None:
        self.node, self.namespace = release.node, release.namespace
        self.work = release.node.folder(release.namespace, WORK)
        parameters = {
            "dataset": river.dataset,
            "member": MEMBER,
            "budget_seconds": BUDGET_SECONDS,
            "seed": 0,
            "work": "/mnt/work",
            "revision": "",
        }
        call = Call(parameters, {"series": "/mnt/work/series"})
        self.job = step_job(compiled("shared", folder), "train", "train", call)

    def start(self) -> None:
        said = self.node.create(self.namespace, self.job)
        assert said == "", said

    def pods(self) -> list[dict[str, Any]]:
        found = self.node.get("pods", "-n", self.namespace, "-l", "job-name=train")["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def pod(self, phase: str) -> dict[str, Any] | None:
        return next((each for each in self.pods() if each["status"]["phase"] == phase), None)

    def checkpoint(self) -> dict[str, Progress]:
        (path,) = [*(self.work / "checkpoints").glob("*/checkpoint.npz")] or [self.work / "none"]
        return load_checkpoint(path)

    def member(self) -> dict[str, Any]:
        return dict(json.loads((self.work / "artifacts" / "member_model" / "member.json").read_text()))

    def told(self) -> str:
        return self.node.kubectl("logs", "-n", self.namespace, "-l", "job-name=train", "--tail=50").stdout


def test_serving_takes_the_card_from_training_which_goes_on_from_its_checkpoint_afterwards(
    one_card: Release, river: River, tmp_path: Path
) -> None:
    node, training = one_card.node, Training(one_card, river, tmp_path)
    training.start()
    # The first one is written before any step.
    node.wait("training has saved steps", lambda: steps_of(training.checkpoint()) > 0, 120)
    first = training.pod("Running")
    assert first is not None, training.told()
    assert (first["spec"]["nodeName"], first["spec"]["priority"]) == ("node1", 0)

    one_card.install()
    one_card.wait_ready()
    (serving,) = node.get("pods", "-n", one_card.namespace, "-l", "component=predictor")["items"]
    assert (serving["spec"]["nodeName"], serving["spec"]["priority"]) == ("node1", 100000)
    events = node.kubectl("get", "events", "-n", one_card.namespace, "-o", "json").stdout
    assert f"Preempted by pod {serving['metadata']['uid']}" in events
    node.wait("training waits for a card", lambda: training.pod("Pending") is not None)
    waiting = training.pod("Pending")
    assert waiting is not None
    assert waiting["metadata"]["name"] != first["metadata"]["name"]
    assert "nodeName" not in waiting["spec"], "there are free cards, though of another product"
    assert one_card.versions() == {1}
    saved = training.checkpoint()
    assert steps_of(saved) > 0
    assert not (training.work / "artifacts" / "member_model" / "member.json").exists()
    one_card.test()

    one_card.roll_back(1)
    node.wait("training ends", lambda: job_ended(node, one_card.namespace), 180)
    assert node.get("job", "train", "-n", one_card.namespace)["status"].get("succeeded") == 1, training.told()
    ended = training.pod("Succeeded")
    assert ended is not None
    assert ended["spec"]["nodeName"] == "node1"
    assert_went_on(training, saved)

    node.kubectl("delete", "job", "train", "-n", one_card.namespace, "--cascade=foreground")
    one_card.uninstall()
    assert one_card.left(*KINDS) == CLAIMS


def job_ended(node: Node, namespace: str) -> bool:
    status = node.get("job", "train", "-n", namespace)["status"]
    return bool(status.get("succeeded") or status.get("failed"))


def steps_of(runs: dict[str, Progress]) -> int:
    """Steps of all ways of training together."""
    return sum(run.step for run in runs.values())


def assert_went_on(training: Training, saved: dict[str, Progress]) -> None:
    """No step and no score of before was made again."""
    member, done = training.member(), training.checkpoint()
    before = saved[member["mode"]].history if member["mode"] in saved else []
    assert member["history"][: len(before)] == before
    assert all(done[mode].step >= run.step for mode, run in saved.items())
    assert steps_of(done) > steps_of(saved)
    assert sum(run.seconds for run in done.values()) < 1.2 * BUDGET_SECONDS
    events = [one for one in read_events(str(training.work))[0] if one["step"] == f"train {MEMBER}"]
    kinds = [one["event"] for one in events]
    assert (kinds.count("started"), kinds.count("finished")) == (2, 1)
    notes = [one["text"] for one in events if one["event"] == "note"]
    assert f"goes on from its checkpoint, after {steps_of(saved)} steps" in notes
