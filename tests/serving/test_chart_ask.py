"""The script that `helm test` runs asks a real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "helm" / "sluice" / "files" / "ask.py"


def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("model", ["river", "tidal"])
@pytest.mark.parametrize("protocol", ["v2", "tfserving"])
def test_a_forecast_is_asked_for_without_any_readings(server, protocol: str, model: str) -> None:
    url = f"http://localhost:{server.http}" if protocol == "v2" else f"grpc://localhost:{server.predict}"
    done = ask(url, protocol, model, "0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{model} version 1 by {protocol}: [")


def test_no_forecast_fails_and_says_why(server) -> None:
    done = ask(f"http://localhost:{server.http}", "v2", "lagoon", "0")
    assert done.returncode == 1
    assert "gives no forecast of lagoon by v2" in done.stderr
