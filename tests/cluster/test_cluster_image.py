"""The image as pods run it: a user other than root, a read-only root file system, the restricted level."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from control_plane import Done
from node import Node, image_pod

# Packages may have to be fetched and compiled: 4 minutes on two cores.
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]
SPACE = "image"


@pytest.fixture(scope="module")
def pod(node: Node) -> Iterator[Node]:
    """A pod of the image that waits for commands, at the restricted level."""
    node.namespace(SPACE)
    said = node.create(SPACE, image_pod("image", [], []))
    assert said == "", said
    node.wait_ready(SPACE, "pod/image")
    yield node
    node.kubectl("delete", "namespace", SPACE, "--wait=false")


def inside(node: Node, *command: str) -> Done:
    return node.kubectl("exec", "-n", SPACE, "image", "--", *command)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("id", "-u"), "1000"),
        (("sluice", "--help"), "Usage:"),
        (("python3", "-c", "import tensorflow; print(tensorflow.reduce_sum([1.0, 2.0]).numpy())"), "3.0"),
        (("sluice", "simulate", "reservoir", "--rows", "2000", "--out", "/tmp/readings.csv"), "2,000 rows"),
        (("python3", "-m", "serving.transformer", "--help"), "--predictor_host"),
        (("python3", "-m", "kfp.dsl.executor_main", "--help"), "--executor_input"),
    ],
)
def test_what_the_image_is_for_runs(pod: Node, command: tuple[str, ...], said: str) -> None:
    result = inside(pod, *command)

    assert result.returncode == 0, result.stderr
    assert said in result.stdout


def test_nothing_but_tmp_can_be_written(pod: Node) -> None:
    for path in ("/app/x", "/opt/packages/x", "/etc/x", "/var/tmp/x"):
        assert inside(pod, "touch", path).returncode != 0, path
    assert inside(pod, "touch", "/tmp/x").returncode == 0


def test_every_python_file_comes_with_its_bytecode(pod: Node) -> None:
    script = (
        "import importlib.util, pathlib;"
        "files = [f for root in ('/app', '/opt/packages/lib') for f in pathlib.Path(root).rglob('*.py')];"
        "print(len(files) > 5000, [str(f) for f in files"
        " if not pathlib.Path(importlib.util.cache_from_source(f)).exists()][:5])"
    )

    assert inside(pod, "python3", "-c", script).stdout.strip() == "True []"
