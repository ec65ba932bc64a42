"""The committed manifests, and the programs that make and read them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "helm"))
from helm_chart import ROOT, helm_program

Build = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, or a skip that says what is missing."""
    found = helm_program(tmp_path_factory.mktemp("bin"))
    if found is None:
        pytest.skip("helm isn't on PATH, and there is no ../shared/cluster with one")
    return found


@pytest.fixture(scope="session")
def build() -> Build:
    """What `kubectl kustomize` makes of a folder below `manifests`."""
    home = Path(os.environ.get("CLUSTER_HOME", "/var/tmp/cluster"))
    kubectl = shutil.which("kubectl") or shutil.which(home / "bin" / "kubectl")
    if kubectl is None:
        pytest.skip("kubectl isn't on PATH, and ../shared/cluster hasn't unpacked one")

    def built(folder: str) -> list[dict[str, Any]]:
        command = [kubectl, "kustomize", str(ROOT / "manifests" / folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return [each for each in yaml.safe_load_all(done.stdout) if each]

    return built
