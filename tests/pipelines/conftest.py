"""Pieces of a run for the tests of the pipelines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Probe = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def python(tmp_path: Path) -> Probe:
    """Runs a script of its own in a fresh interpreter; kfp.local keeps global state."""

    def run(script: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "script.py"
        file.write_text(script)
        return subprocess.run([sys.executable, str(file)], capture_output=True, text=True, cwd=tmp_path, timeout=120)

    return run
