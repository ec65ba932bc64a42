"""What can be found wrong with a request before anything runs."""

from __future__ import annotations

import sys

from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.errors import InputError

# A dataset file is one argument of a step's command line; Linux allows 128 KiB for one, escapes included.
_LONGEST_DATASET = 60_000


def check_text(dataset: Dataset) -> None:
    """Raises InputError for a dataset file that kfp can't carry."""
    text = dump_dataset(dataset)
    if len(text) > _LONGEST_DATASET:
        raise InputError(dataset.name, f"the dataset file is longer than {_LONGEST_DATASET:,} characters", "shorten it")
    if "{{$" in text:
        raise InputError(dataset.name, "the dataset file holds '{{$', which kfp takes as its own", "write it otherwise")


def check_runner(runner: str) -> None:
    """Raises InputError for a runner that isn't there."""
    if runner == "subprocess":
        if any(character.isspace() for character in sys.executable):
            raise InputError(sys.executable, "kfp runs no Python whose path has blanks", "move the environment")
        return
    if runner != "docker":
        raise InputError("--runner", f"there is no runner {runner}", "choose subprocess or docker")
    from pipelines.run.docker_check import check_docker

    check_docker()
