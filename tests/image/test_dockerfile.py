from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.image import IMAGE

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stage:
    """One `FROM` of a Dockerfile with its instructions."""

    name: str
    base: str
    steps: tuple[tuple[str, str], ...]

    def arguments(self, instruction: str) -> list[str]:
        return [argument for name, argument in self.steps if name == instruction]


def _read_stages(text: str) -> dict[str, Stage]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stages: dict[str, Stage] = {}
    for part in re.split(r"(?m)^FROM ", joined)[1:]:
        first, *rest = (line.strip() for line in part.splitlines() if line.strip())
        base, _, name = first.partition(" AS ")
        steps = tuple((line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in rest)
        stages[name or "default"] = Stage(name or "default", base, steps)
    return stages


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return _read_stages((ROOT / "Dockerfile").read_text())


def _lineage(stages: dict[str, Stage], name: str) -> list[tuple[str, str]]:
    """All instructions that an image of this stage comes from, without those of stages it only copies from."""
    stage = stages[name]
    before = _lineage(stages, stage.base) if stage.base in stages else []
    return [*before, *stage.steps]


def test_only_the_base_image_that_the_caller_names_comes_from_outside(stages: dict[str, Stage]) -> None:
    outside = [stage.base for stage in stages.values() if stage.base not in stages]
    copied = [
        argument.split("--from=")[1].split()[0]
        for stage in stages.values()
        for argument in stage.arguments("COPY")
        if "--from=" in argument
    ]

    assert outside == ["${BASE}"]
    assert set(copied) <= set(stages)
    assert not [stage.name for stage in stages.values() if stage.arguments("ADD")]


def test_every_installed_package_is_checked_against_a_hash_or_comes_from_the_build_itself(
    stages: dict[str, Stage],
) -> None:
    commands = [
        command
        for stage in stages.values()
        for step in stage.arguments("RUN")
        for command in step.split("&&")
        if re.search(r"pip .*(install|wheel) ", command)
    ]

    assert commands
    for command in commands:
        assert "--require-hashes" in command or "--no-index" in command, command
        assert "--no-deps" in command, command
        assert "--only-binary :all:" in command or "--no-index" in command or "--no-build-isolation" in command, command


def test_nothing_but_pip_reaches_the_network(stages: dict[str, Stage]) -> None:
    text = " ".join(step for stage in stages.values() for step in stage.arguments("RUN"))

    assert not re.findall(r"\b(curl|wget|git|apt-get|apt|apk|ssh|https?:)\b", text)


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_an_image_runs_as_a_numbered_user_other_than_root_and_starts_what_it_is_told(
    stages: dict[str, Stage], target: str
) -> None:
    steps = _lineage(stages, target)

    assert [argument for name, argument in steps if name == "USER"] == ["1000:1000"]
    assert [argument for name, argument in steps if name == "ENTRYPOINT"] == ["[]"]
    assert [argument for name, argument in steps if name == "HEALTHCHECK"] == ["NONE"]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_all_that_programs_write_by_themselves_goes_below_tmp(stages: dict[str, Stage], target: str) -> None:
    environment = dict(
        pair.split("=", 1) for name, argument in _lineage(stages, target) if name == "ENV" for pair in argument.split()
    )

    for name in ("HOME", "TMPDIR", "KERAS_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        assert environment[name].split("/")[1] == "tmp", name
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_a_change_of_code_leaves_the_layers_of_packages_as_they_are(stages: dict[str, Stage], target: str) -> None:
    steps = _lineage(stages, target)
    copies = [argument for name, argument in steps if name == "COPY"]
    last_install = max(number for number, (name, argument) in enumerate(steps) if name == "RUN" and "pip" in argument)
    code = steps.index(("COPY", "--from=code /build/app /app"))

    assert code > last_install
    assert all(".lock " in argument for argument in copies if argument != "--from=code /build/app /app")


def test_python_files_are_compiled_in_the_layer_that_brings_them(stages: dict[str, Stage]) -> None:
    for name in ("packages", "code"):
        assert "compileall" in stages[name].arguments("RUN")[-1]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_labels_follow_the_open_container_names(stages: dict[str, Stage], target: str) -> None:
    labels = " ".join(argument for name, argument in stages[target].steps if name == "LABEL")

    assert set(re.findall(r"org\.opencontainers\.image\.(\w+)=", labels)) == {
        "title",
        "description",
        "licenses",
        "version",
        "revision",
    }


def test_the_version_is_that_of_the_project_and_of_the_steps_image(stages: dict[str, Stage]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert IMAGE.rpartition(":")[2] == version
    for target in ("cpu", "gpu"):
        assert f"VERSION={version}" in stages[target].arguments("ARG")


def test_a_build_without_a_target_makes_the_cpu_image(stages: dict[str, Stage]) -> None:
    assert list(stages)[-1] == "default"
    assert stages["default"].base == "cpu"


def test_the_build_context_holds_what_is_copied_and_no_more(stages: dict[str, Stage]) -> None:
    ignored, *allowed = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith(("#", "**/"))
    ]
    copied = {
        source
        for stage in stages.values()
        for argument in stage.arguments("COPY")
        if "--from=" not in argument
        for source in argument.split()[:-1]
    }
    locks = {source for source in copied if re.fullmatch(r"requirements-\w+\.lock", source)}

    assert ignored == "*"
    assert {name.removeprefix("!") for name in allowed} == (copied - locks) | {"requirements-*.lock"}
    assert all((ROOT / source).exists() for source in copied)
