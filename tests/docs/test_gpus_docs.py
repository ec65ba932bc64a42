"""Every command of docs/gpus.md runs, and its page says what the catalogue and the examples hold."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.examples.run import example_names
from pipelines.cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "gpus.md").read_text()
LINES = re.findall(r"^sluice (plan .*)$", PAGE, flags=re.MULTILINE)
# What the page says of it: a measurement of a minute, and plans that don't hold.
MEASURING = "--calibrate"
# Processes that import TensorFlow, compile and run.
COMPILING = "--measure"
DOES_NOT_HOLD = 3


@pytest.fixture(scope="session")
def own_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    import keras

    path = tmp_path_factory.mktemp("model") / "own.keras"
    keras.Sequential([keras.layers.Input((100, 12)), keras.layers.LSTM(64), keras.layers.Dense(3)]).save(path)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_model: bytes) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.keras").write_bytes(own_model)
    (tmp_path / "runs").mkdir()
    (tmp_path / "own.yaml").write_text(next(iter(re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL))))


def marked(line: str) -> Any:
    return pytest.param(line, marks=pytest.mark.slow) if COMPILING in line else line


@pytest.mark.parametrize("line", [marked(line) for line in LINES if MEASURING not in line])
def test_a_command_of_the_page_runs(line: str) -> None:
    command, _, comment = line.partition("  # ")
    result = CliRunner().invoke(app, shlex.split(command))
    wanted = DOES_NOT_HOLD if "exits with 3" in comment else 0
    assert result.exit_code == wanted, result.output


def test_the_page_names_every_example() -> None:
    assert [name for name in example_names() if f"`{name}`" not in PAGE] == []


def test_the_page_names_every_card() -> None:
    assert [key for key in load_catalogue().cards if f"`{key}`" not in PAGE] == []
