"""Helm, and what it makes of the chart."""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "sluice"
# Optional here: a packed helm for tests beside the checkout.
CLUSTER = ROOT.parent / "shared" / "cluster"
KUBE_VERSION = "1.34.0"
RELEASE, NAMESPACE = "demo", "forecasts"

Objects = list[dict[str, Any]]


@dataclass(frozen=True)
class Chart:
    """Asks helm about the chart.

    Attributes:
        helm: the program.
    """

    helm: Path

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """What helm answers to a command."""
        return subprocess.run([str(self.helm), *arguments], input=given, capture_output=True, text=True, check=False)

    def render(self, values: Mapping[str, Any] | None = None, profile: str = "", more: Sequence[str] = ()) -> Objects:
        """The objects of a release in a namespace; values go over a profile's."""
        done = self._template(values, profile, more)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    def text(self, profile: str, values: Mapping[str, Any] | None = None) -> str:
        """What helm prints for a profile."""
        done = self._template(values, profile, ())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, values: Mapping[str, Any], profile: str = "") -> str:
        """What helm says to values that it refuses."""
        done = self._template(values, profile, ())
        assert done.returncode != 0, f"{values} weren't refused"
        return done.stderr

    def _template(
        self, values: Mapping[str, Any] | None, profile: str, more: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        files = ["--values", str(CHART / f"values-{profile}.yaml")] if profile else []
        place = ["template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version", KUBE_VERSION]
        return self.run(*place, *files, "--values", "-", *more, given=yaml.safe_dump(dict(values or {})))


def helm_program(scratch: Path) -> Path | None:
    """The program on PATH, of a cluster that was started here, or unpacked into a folder; None where there is none."""
    found = shutil.which("helm")
    if found:
        return Path(found)
    unpacked = Path(os.environ.get("CLUSTER_HOME", "/var/tmp/cluster")) / "bin" / "helm"
    if unpacked.is_file():
        return unpacked
    packed = CLUSTER / "dist" / "helm.xz"
    if not packed.is_file():
        return None
    program = scratch / "helm"
    with lzma.open(packed) as source, program.open("wb") as target:
        shutil.copyfileobj(source, target)
    program.chmod(0o755)
    return program
