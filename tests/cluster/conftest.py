"""What the tests share: one control plane that they only look at, and one real node."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from control_plane import TOOL, V100, ControlPlane, free_ports
from node import Node
from river import River, make_river

HOME = "/var/tmp/sluice-control-plane"


@pytest.fixture(scope="session")
def looked_at() -> Iterator[ControlPlane]:
    """A control plane with KServe's kinds, a plain node, and a V100 node with one card and a taint."""
    if not TOOL.is_file():
        pytest.skip("there is no ../shared/cluster")
    home = os.environ.get("CONTROL_PLANE_HOME", HOME) + "-looked-at"
    running = ControlPlane(Path(home), free_ports())
    running.tool("up", "--control-plane")
    try:
        running.tool("kserve")
        running.tool("gpu-node", "plain", "--gpus", "0")
        running.tool("gpu-node", "v100", "--product", V100, "--gpus", "1", "--memory", "32768", "--taint")
        yield running
    finally:
        running.tool("down")


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one V100, the image and KServe's kinds; taken down again if it was not up before."""
    if not TOOL.is_file():
        pytest.skip("there is no ../shared/cluster")
    if os.getuid() != 0:
        pytest.skip("a node needs root")
    running = Node.of_environment()
    up_before = running.is_up()
    try:
        running.set_up(tmp_path_factory.mktemp("image"))
        yield running
    finally:
        if not up_before:
            running.tool("down")


@pytest.fixture(scope="session")
def river(tmp_path_factory: pytest.TempPathFactory) -> River:
    """A small model for a store, and series that go with it."""
    return make_river(tmp_path_factory.mktemp("river"))
