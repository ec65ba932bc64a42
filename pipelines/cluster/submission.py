"""What is submitted: the training pipeline for a profile, and its parameters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import yaml

from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.errors import InputError
from pipelines.platform.profile import Profile, member_parameters

PIPELINE = "training"
# The champion of the store at the time when it is compared; a run of next week knows no number today.
_CHAMPION_OF_THE_DAY = -1


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
        name: of the pipeline, as the server lists it.
        version: of the pipeline; the same content has the same name.
        text: YAML.
    """

    name: str
    version: str
    text: str


@dataclass(frozen=True)
class Training:
    """A run of the main job on a cluster.

    Attributes:
        dataset: what is forecast.
        data: where the steps find readings: a path in a claim that the profile mounts, or a database URL.
        budget_minutes: wall-clock minutes of all training; None for the profile's.
        seed: of all randomness.
    """

    dataset: Dataset
    data: str
    budget_minutes: float | None = None
    seed: int = 0


def package(profile: Profile, members: Sequence[str]) -> Package:
    """The training pipeline for a profile, with no step ever taken from a cache.

    KFP's cache knows artifacts by name and readings by path, so new readings at the same path would be old ones to it.
    What a repeated run could save is in the checkpoints.

    Raises:
        InputError: members that are unknown, or ask for too many different things.
    """
    from pipelines.compile import compiled_documents, pipeline_function
    from pipelines.platform.platform import on_cluster

    pipeline = pipeline_function(PIPELINE, on_cluster(profile, members))
    documents = compiled_documents(pipeline)
    _without_cache(documents[0])
    text = yaml.safe_dump_all(documents, sort_keys=True)
    name = pipeline.pipeline_spec.pipeline_info.name
    return Package(name, f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}", text)


def parameters(training: Training, profile: Profile, members: Sequence[str]) -> dict[str, Any]:
    """Arguments of the training pipeline.

    Raises:
        InputError: steps can't see the readings, or the budget is nothing.
    """
    import serving
    from pipelines.platform.platform import on_cluster
    from pipelines.run.digests import code_revision

    budget = profile.budget_minutes if training.budget_minutes is None else training.budget_minutes
    if budget <= 0:
        raise InputError("--budget", "there must be some time to train in", "give minutes above 0, for example 60")
    text = dump_dataset(training.dataset)
    if "{{$" in text:
        raise InputError(
            training.dataset.name, "the dataset file holds '{{$', which KFP takes as its own", "write it otherwise"
        )
    _check_data(training.data, profile)
    return {
        "dataset": text,
        "data": training.data,
        "data_digest": "",
        **member_parameters(on_cluster(profile, members).kinds, budget),
        "store": profile.store,
        # A folder of its own: runs of two models at once must not write one journal.
        "work": f"{profile.work}/{training.dataset.name}",
        "champion": _CHAMPION_OF_THE_DAY,
        "seed": training.seed,
        "revision": code_revision(),
        "serving_revision": code_revision(serving),
    }


def _check_data(data: str, profile: Profile) -> None:
    if "://" in data:
        if urlsplit(data).password:
            raise InputError(
                f"--data {_hidden(data)}",
                "holds a password, and everybody who sees the run would see it",
                "leave it out; let the profile mount a secret and name its file in env PGPASSFILE",
            )
        return
    mounts = profile.step("ingest").mounts or ()
    folders = ", ".join(f"{mount.path} (claim {mount.claim})" for mount in mounts) or "none"
    if not any(PurePosixPath(data).is_relative_to(mount.path) for mount in mounts):
        what = "is a file of this machine" if Path(data).exists() else "is no path that the steps see"
        raise InputError(
            f"--data {data}",
            f"{what}; step ingest of profile {profile.name} mounts {folders}",
            "copy the readings into such a claim (kubectl cp) and give their path there, or give a database URL",
        )


def _hidden(url: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def _without_cache(spec: dict[str, Any]) -> None:
    for component in (spec["root"], *spec["components"].values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {}
