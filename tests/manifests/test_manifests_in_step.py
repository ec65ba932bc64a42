"""The committed files are what their sources make, and the check says which isn't."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROFILES = ("dedicated", "shared", "cpu")


def render(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script, where no helm is on PATH."""
    command = [sys.executable, str(root / "manifests" / "render.py"), *arguments]
    environment = os.environ | {"PATH": "/nowhere"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Manifests and chart, to be changed."""
    for name in ("manifests", "helm"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def test_all_is_in_step(helm: Path) -> None:
    done = render(ROOT, "--check", "--helm", str(helm))
    assert done.returncode == 0, done.stderr


def test_without_helm_the_pipelines_are_checked_and_what_is_left_out_is_said(copied: Path) -> None:
    done = render(copied, "--check")
    assert done.returncode == 0, done.stderr
    assert "helm isn't on PATH" in done.stderr

    (copied / "manifests" / "pipelines" / "training-cpu.yaml").unlink()
    done = render(copied, "--check")
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "out of step" in line]
    assert told == [
        "manifests/pipelines/training-cpu.yaml is out of step with pipelines: run python manifests/render.py"
    ]


def test_each_file_that_is_out_of_step_is_named_and_the_command_mends_it(copied: Path, helm: Path) -> None:
    folder = copied / "manifests"
    values = copied / "helm" / "sluice" / "values-cpu.yaml"
    values.write_text(values.read_text(encoding="utf-8").replace("maxReplicas: 4", "maxReplicas: 5"), encoding="utf-8")
    (folder / "shared" / "left-over.yaml").write_text("kind: Nothing\n", encoding="utf-8")
    compiled = folder / "pipelines" / "shared" / "training.yaml"
    compiled.write_text(compiled.read_text(encoding="utf-8").replace("Tesla-V100", "Tesla-T4"), encoding="utf-8")

    done = render(copied, "--check", "--helm", str(helm))
    assert done.returncode == 1
    named = {line.split()[0]: line.split(": run ")[1] for line in done.stderr.splitlines()}
    assert named == dict.fromkeys(
        (
            "manifests/cpu/inferenceservice-reservoir.yaml",
            "manifests/shared/left-over.yaml",
            "manifests/pipelines/shared/training.yaml",
        ),
        "python manifests/render.py",
    )

    assert render(copied, "--helm", str(helm)).returncode == 0
    assert not (folder / "shared" / "left-over.yaml").exists()
    committed = ROOT / "manifests" / "pipelines" / "shared" / "training.yaml"
    assert compiled.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8")
    changed = (folder / "cpu" / "inferenceservice-reservoir.yaml").read_text(encoding="utf-8")
    assert "maxReplicas: 5" in changed
