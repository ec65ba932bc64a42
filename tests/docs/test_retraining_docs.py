"""The commands of docs/retraining.md are there, with the options that it names."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines.cli.main import app
from pipelines.compile import PIPELINES

PAGE = Path(__file__).parents[2] / "docs" / "retraining.md"
LINES = re.findall(r"^\$ sluice (.*)$", PAGE.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_is_parsed(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    context = command.make_context(name, arguments)
    assert context.params["dataset"] == "pond.yaml"


def test_the_pipeline_that_the_page_names_can_be_compiled() -> None:
    (name,) = re.findall(r"sluice compile (\w+)", PAGE.read_text())
    assert name in PIPELINES
