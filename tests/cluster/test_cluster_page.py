"""docs/kubernetes.md, command by command, on a control plane: all that it doesn't list as not tried."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from control_plane import ROOT, ControlPlane
from page_commands import commands, is_untried

pytestmark = pytest.mark.cluster
NAMESPACE = "forecasts"


@pytest.fixture
def folder(looked_at: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    """A folder with what the page takes from the checkout."""
    for name in ("helm", "manifests"):
        (tmp_path / name).symlink_to(ROOT / name)
    # Another test's namespace of this name may still be on its way out.
    looked_at.wait("the name is free", lambda: bool(looked_at.kubectl("get", "ns", NAMESPACE).returncode))
    yield tmp_path
    looked_at.kubectl("delete", "-k", str(ROOT / "manifests" / "dedicated"), "--ignore-not-found", "--wait=false")
    looked_at.kubectl("delete", "inferenceservices", "-n", NAMESPACE, "--all")
    looked_at.remove(NAMESPACE)


def run(command: str, plane: ControlPlane, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{plane.home / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"KUBECONFIG": str(plane.home / "kubeconfig"), "PATH": path}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )


def test_the_page_takes_an_operator_from_an_empty_namespace_to_its_removal(
    looked_at: ControlPlane, folder: Path
) -> None:
    failed = []
    for command in commands():
        if is_untried(command) or command.startswith("sluice submit"):
            continue
        done = run(command, looked_at, folder)
        # Kubeflow Pipelines isn't there, and doctor says so.
        expected = 1 if command.startswith("sluice doctor") else 0
        if done.returncode != expected:
            failed.append(f"{command}\n{done.stdout}{done.stderr}")
    assert not failed, "\n\n".join(failed)
