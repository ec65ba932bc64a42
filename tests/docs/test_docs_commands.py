"""Every command that the docs show: make targets exist, and the README's own-readings job runs as it is written."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SLUICE = [sys.executable, "-m", "pipelines"]


def shell_lines(page: Path) -> list[str]:
    """Command lines of the page's `sh` blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def own_readings_job() -> list[str]:
    """The README's five lines."""
    lines = shell_lines(ROOT / "README.md")
    return lines[lines.index("source .venv/bin/activate") :]


def asking_commands() -> list[list[str]]:
    """The README's ways to ask: by curl, by Python over REST, by Python over gRPC."""
    asking = (ROOT / "README.md").read_text().split("## On Kubernetes")[0]
    blocks = re.findall(r"```(bash|python)\n(.*?)```", asking, flags=re.DOTALL)
    assert [kind for kind, _ in blocks] == ["bash", "python", "python"]
    return [["bash", "-ec", text] if kind == "bash" else [sys.executable, "-c", text] for kind, text in blocks]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_of_the_docs_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), flags=re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_sluice_command_of_the_docs_is_known(page: Path) -> None:
    for words in re.findall(r"`sluice ((?:[a-z][a-z-]* ?)+)", page.read_text()):
        known = subprocess.run([*SLUICE, *words.split()[:1], "--help"], capture_output=True, text=True, timeout=60)
        assert known.returncode == 0, words


GROUPS = ("dataset", "keys", "models")


def sluice_lines(page: Path) -> list[list[str]]:
    """Words of each `sluice` command in the page's code blocks, continued lines joined."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    # The chart's release is called sluice, too.
    ours = [line.split(" #")[0] for line in lines if not line.strip().startswith("helm ")]
    found = [re.search(r"(?:^|\s)sluice (.*)", line) for line in ours]
    return [shlex.split(match[1].rstrip("& ")) for match in found if match]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_of_a_sluice_command_in_the_docs_is_known(page: Path) -> None:
    for words in sluice_lines(page):
        command = words[: 2 if words[0] in GROUPS else 1]
        told = subprocess.run([*SLUICE, *command, "--help"], capture_output=True, text=True, timeout=60).stdout
        unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in told]
        assert not unknown, " ".join(words)


def test_readme_shows_the_own_readings_job_in_five_lines() -> None:
    assert len(own_readings_job()) == 5


def levels(rows: int) -> pd.DataFrame:
    """Level of a basin under showers, every ten minutes; a pump runs above 0.6, so that it is no linear system."""
    generator = np.random.default_rng(2)
    rain = np.where(generator.random(rows) < 0.05, generator.gamma(2.0, 2.0, rows), 0.0)
    level = np.zeros(rows)
    for row in range(1, rows):
        pumped = 0.1 if level[row - 1] > 0.6 else 0.0
        level[row] = max(0.99 * level[row - 1] + 0.03 * rain[row - 1] - pumped, 0.0)
    stamps = pd.date_range("2025-01-01", periods=rows, freq="10min")
    return pd.DataFrame({"time": stamps, "rain": rain.round(2), "level": (1 + level).round(3)})


@pytest.mark.slow
def test_the_own_readings_job_of_the_readme_runs_as_it_is_written(tmp_path: Path) -> None:
    levels(4000).to_csv(tmp_path / "levels.csv", index=False)
    _, init, run, serve, predict = own_readings_job()
    call(init, tmp_path)
    # Only the time to train is cut.
    call(f"{run} --budget 0.5 --members linear,rule_based", tmp_path)
    server = subprocess.Popen([*SLUICE, *shlex.split(serve.removesuffix("&"))[1:]], cwd=tmp_path)
    try:
        wait_for("http://localhost:8080/v2/health/ready", server)
        answer = call(predict, tmp_path)
        assert "level" in answer
        assert "band" in answer
        for command in asking_commands():
            asked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert asked.returncode == 0, asked.stderr
            assert re.search(r"\d\.\d+", asked.stdout), asked.stdout
    finally:
        server.terminate()
        assert server.wait(30) == 0


def call(line: str, folder: Path) -> str:
    """Runs a `sluice` command line; its stdout."""
    result = subprocess.run([*SLUICE, *shlex.split(line)[1:]], cwd=folder, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Returns when the server answers."""
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"nothing answers at {url}")
