"""Every command of docs/kubernetes.md is run by a test, or listed under "Not tried here"."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from page_commands import PAGE, ROOT, commands, is_untried, untried

# tests/cluster/test_cluster_page.py runs the first three on a cluster, tests/pipelines/cluster the last on a stand-in.
RUN = ("kubectl ", "helm ", "sluice ", "sluice submit ")


def test_every_command_of_the_page_is_run_or_listed_as_not_tried() -> None:
    assert len(commands()) > 25
    neither = [one for one in commands() if not is_untried(one) and not one.startswith(RUN)]
    assert not neither


@pytest.mark.parametrize("part", untried())
def test_what_is_listed_as_not_tried_is_a_command_of_the_page(part: str) -> None:
    assert any(part in command for command in commands())


def test_every_code_block_with_a_command_is_marked_as_one() -> None:
    plain, inside = [], ""
    for line in PAGE.read_text().splitlines():
        if line.strip().startswith("```"):
            inside = "" if inside else line.strip().removeprefix("```") or "text"
        elif inside == "text" and line.strip().startswith(("kubectl", "helm", "docker", "sluice", "$ ")):
            plain.append(line)
    assert not plain


def test_the_profiles_and_files_of_the_page_are_there() -> None:
    named = {word for one in commands() for word in one.split() if word.startswith(("helm/", "manifests/"))}
    assert named
    assert all((ROOT / word).exists() for word in named)


def test_the_readmes_commands_on_kubernetes_are_the_pages() -> None:
    section = (ROOT / "README.md").read_text().split("## On Kubernetes")[1].split("\n## ")[0]
    of_the_page = {" ".join(command.split()) for command in commands()}
    of_the_readme = {" ".join(command.split()) for command in commands(section)}
    assert of_the_readme
    assert of_the_readme <= of_the_page
