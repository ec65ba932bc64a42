import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = ("tensorflow", "keras", "pandas", "kfp", "kserve", "kubernetes", "pyarrow", "sklearn")
COMMANDS = (
    ("run",),
    ("demo",),
    ("dataset", "init"),
    ("dataset", "check"),
    ("evaluate",),
    ("predict",),
    ("predict-batch",),
    ("serve",),
    ("compile",),
    ("simulate",),
    ("models", "list"),
    ("models", "show"),
    ("models", "promote"),
    ("models", "rollback"),
    ("submit",),
    ("doctor",),
    ("why",),
)


def sluice(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_the_command_line_imports_nothing_heavy():
    script = f"import sys, pipelines.cli.main; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_help_comes_at_once(tmp_path: Path):
    sluice("--help", cwd=tmp_path)  # bytecode and disk cache
    started = time.monotonic()
    result = sluice("--help", cwd=tmp_path)
    seconds = time.monotonic() - started
    assert result.returncode == 0
    # 0.2 s alone on two cores; the promise is below one second, the margin is for a machine that tests in parallel.
    assert seconds < 3.0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_shows_an_example(command: tuple[str, ...], tmp_path: Path):
    result = sluice(*command, "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert f"Example: sluice {' '.join(command)}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nothing.yaml"), ("nothing.yaml", "no such file", "fix:")),
        (("run", "reservor"), ("reservor", "reservoir")),
        (("run", "stocks"), ("stocks", "--data")),
        (("run", "ett"), ("ett", "--data")),
        (("run", "ett", "--data", "gone.csv"), ("--data gone.csv", "no such file")),
        (("run", "reservoir", "--members", "linear,lstm"), ("--members", "lstm", "stacked_lstm")),
        (("run", "reservoir", "--members", "linear,linear"), ("--members", "twice")),
        (("run", "reservoir", "--budget", "0"), ("--budget",)),
        (("run", "reservoir", "--runner", "pod"), ("--runner", "docker")),
        (("models", "list"), ("--store",)),
        (("models", "list", "--store", "gone"), ("gone", "no such folder")),
        (("compile", "trainning"), ("trainning", "training")),
        (("compile", "training", "--out", "x.json"), ("x.json", ".yaml")),
        (("simulate", "reservoir", "--start", "yesterday", "--out", "x.csv"), ("--start", "yesterday")),
    ],
)
def test_wrong_input_is_one_short_block_and_exit_code_2(
    arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
):
    result = sluice(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") <= 3
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_debug_shows_the_traceback(tmp_path: Path):
    result = sluice("run", "nothing.yaml", "--debug", cwd=tmp_path)
    assert "Traceback" in result.stderr
    assert result.returncode != 0


def test_docker_that_is_not_there_is_said(tmp_path: Path):
    result = sluice("run", "reservoir", "--runner", "docker", cwd=tmp_path)
    assert result.returncode == 2
    assert "--runner docker" in result.stderr


def test_compile_writes_yaml(tmp_path: Path):
    result = sluice("compile", "training", "--out", "pipeline.yaml", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "sluice-training" in (tmp_path / "pipeline.yaml").read_text()


def test_models_of_an_empty_store_are_an_empty_list(tmp_path: Path):
    (tmp_path / "store").mkdir()
    result = sluice("models", "list", "--json", cwd=tmp_path)
    assert json.loads(result.stdout) == []
