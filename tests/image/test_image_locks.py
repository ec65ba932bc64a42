from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ["build", "image", "cpu", "gpu"]
# What each target installs: one lock after the other.
TARGETS = {"cpu": ("image", "cpu"), "gpu": ("image", "gpu")}
EXTRAS = {"cpu": ("excel", "postgres"), "gpu": ("excel", "postgres", "gpu")}


def _pins(name: str) -> dict[str, tuple[str, ...]]:
    """Versions of each package in a lock file; more than one where they differ by platform or Python."""
    pins: dict[str, tuple[str, ...]] = {}
    for line in (ROOT / name).read_text().splitlines():
        found = re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", line)
        if found:
            package = canonicalize_name(found[1])
            pins[package] = (*pins.get(package, ()), found[2])
    return pins


def _lock(name: str) -> dict[str, tuple[str, ...]]:
    return _pins(f"requirements-{name}.lock")


def _gpu_version(package: str) -> Version:
    (only,) = _lock("gpu")[package]
    return Version(only)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_a_hash(lock: str) -> None:
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / f"requirements-{lock}.lock").read_text())

    without = [entry.split()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry]

    assert without == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_package_index(lock: str) -> None:
    text = (ROOT / f"requirements-{lock}.lock").read_text()

    assert not re.findall(r"(?m)https?:|^\s*--(?!hash=)\S+", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_an_image_holds_the_versions_that_the_tests_run_with(lock: str) -> None:
    # TensorFlow for CPUs is the same release under another name, NVIDIA's libraries come with the GPU image alone.
    other = re.compile(r"tensorflow-cpu|nvidia-[a-z-]+-cu12")
    tested = _pins("requirements.lock")
    pins = {package: versions for package, versions in _lock(lock).items() if not other.fullmatch(package)}

    assert {package: versions for package, versions in pins.items() if tested.get(package) != versions} == {}


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_holds_nothing_of_the_tools_for_development(target: str) -> None:
    tools = {"pytest", "ruff", "mypy", "hypothesis", "uv", "hatchling", "playwright", "pre-commit", "schemathesis"}

    assert tools & {package for lock in TARGETS[target] for package in _lock(lock)} == set()


@pytest.mark.parametrize(("target", "extras"), EXTRAS.items())
def test_an_image_meets_what_the_project_asks_for(target: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    pins = {package: versions for lock in TARGETS[target] for package, versions in _lock(lock).items()}

    unmet = []
    for requirement in map(Requirement, wanted):
        versions = pins.get(canonicalize_name(requirement.name), ())
        if requirement.name != "sluice" and not any(requirement.specifier.contains(version) for version in versions):
            unmet.append(f"{requirement}: {versions}")

    assert unmet == []


def test_the_gpu_lock_adds_tensorflow_and_cuda_12_to_the_image_lock_and_changes_nothing() -> None:
    image, gpu = _lock("image"), _lock("gpu")
    libraries = set(gpu) - set(image) - {"tensorflow"}

    assert {package: gpu.get(package) for package in image} == image
    assert libraries
    assert [package for package in libraries if not re.fullmatch(r"nvidia-[a-z-]+-cu12", package)] == []


@pytest.mark.parametrize(("lock", "package"), [("cpu", "tensorflow-cpu"), ("cpu", "tensorflow"), ("gpu", "tensorflow")])
def test_tensorflow_of_an_image_is_the_tested_one(lock: str, package: str) -> None:
    assert _lock(lock)[package] == _pins("requirements.lock")["tensorflow"]


def test_what_both_targets_share_holds_no_tensorflow() -> None:
    assert {"tensorflow", "tensorflow-cpu"} & set(_lock("image")) == set()


def test_cuda_is_of_the_last_family_with_volta_and_not_older_than_tensorflow_was_built_with() -> None:
    # TensorFlow 2.21's tf.sysconfig.get_build_info() says cuda_version 12.5.1; CUDA 13 compiles for sm_75 and newer.
    assert Version("12.5") <= _gpu_version("nvidia-cuda-runtime-cu12") < Version("13")
    assert Version("12.5") <= _gpu_version("nvidia-cublas-cu12") < Version("13")


def test_cudnn_still_has_kernels_for_volta() -> None:
    # The first that TensorFlow 2.21's own metadata takes, and the first without sm_70.
    assert Version("9.3") <= _gpu_version("nvidia-cudnn-cu12") < Version("9.11")
