"""What a built image holds and how it runs, where a docker daemon has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.image import IMAGE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GPU_IMAGE = f"{IMAGE}-gpu"
CONTENTS = """
import importlib.metadata, importlib.util, json, pathlib
files = [file for root in ("/app", "/opt/packages/lib") for file in pathlib.Path(root).rglob("*.py")]
print(json.dumps({
    "files": len(files),
    "not compiled": [str(f) for f in files if not pathlib.Path(importlib.util.cache_from_source(f)).exists()],
    "packages": [found.metadata["Name"].lower() for found in importlib.metadata.distributions()],
}))
"""
CUDA = """
import ctypes, json, pathlib, site
import tensorflow
cudnn = next(pathlib.Path(site.getsitepackages()[0]).glob("nvidia/cudnn/lib/libcudnn.so.9"))
print(json.dumps({
    "cards": tensorflow.sysconfig.get_build_info()["cuda_compute_capabilities"],
    "cudnn": ctypes.CDLL(str(cudnn)).cudnnGetVersion(),
    "sum": float(tensorflow.reduce_sum([1.0, 2.0])),
}))
"""


def _named(client: Any, name: str) -> str:
    if not client.images.list(name=name):
        pytest.skip(f"docker has no image {name}")
    return name


@pytest.fixture(params=[IMAGE, GPU_IMAGE], ids=["cpu", "gpu"])
def image(client: Any, request: pytest.FixtureRequest) -> str:
    return _named(client, request.param)


@pytest.fixture
def gpu_image(client: Any) -> str:
    return _named(client, GPU_IMAGE)


def _inside(client: Any, image: str, *command: str) -> str:
    """What a command prints in a container that may write to /tmp alone, as a user that the image doesn't know."""
    printed: bytes = client.containers.run(
        image,
        list(command),
        user="12345:0",
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        network_mode="none",
        remove=True,
        stderr=False,
    )
    return printed.decode()


def test_an_image_says_who_it_runs_as_and_what_it_is(client: Any, image: str) -> None:
    config = client.images.get(image).attrs["Config"]

    assert config["User"] == "1000:1000"
    assert not config["Entrypoint"]
    assert config["Labels"]["org.opencontainers.image.version"] == IMAGE.rpartition(":")[2]


def test_code_is_a_small_layer_on_top_of_those_of_packages(client: Any, image: str) -> None:
    megabytes = [layer["Size"] / 1e6 for layer in client.images.get(image).history()]
    large = [number for number, size in enumerate(megabytes) if size > 20]

    # TensorFlow, the other packages, and what the base image is made of; the newest comes first.
    assert len(large) >= 3
    assert 1 < sum(megabytes[: large[0]]) < 20


def test_packages_come_with_their_bytecode_and_without_tools_for_development(client: Any, image: str) -> None:
    contents = json.loads(_inside(client, image, "python3", "-c", CONTENTS))

    assert contents["files"] > 5000
    assert contents["not compiled"] == []
    assert {"sluice", "keras", "kserve", "kfp"} <= set(contents["packages"])
    assert {"pip", "pytest", "ruff", "mypy", "uv", "hatchling"} & set(contents["packages"]) == set()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sluice", "--help"), "Usage:"),
        (("sluice", "simulate", "reservoir", "--rows", "2000", "--out", "/tmp/readings.csv"), "2,000 rows"),
        (("python3", "-m", "serving.transformer", "--help"), "--predictor_host"),
        (("python3", "-m", "kfp.dsl.executor_main", "--help"), "--executor_input"),
    ],
    ids=["sluice", "simulate", "transformer", "step"],
)
def test_it_runs_as_any_user_where_only_tmp_can_be_written(
    client: Any, image: str, command: tuple[str, ...], said: str
) -> None:
    assert said in _inside(client, image, *command)


def test_the_gpu_image_has_kernels_for_volta_and_computes_without_a_card_too(client: Any, gpu_image: str) -> None:
    facts = json.loads(_inside(client, gpu_image, "python3", "-c", CUDA))

    assert "sm_70" in facts["cards"]
    assert 90300 <= facts["cudnn"] < 91100
    assert facts["sum"] == 3.0
