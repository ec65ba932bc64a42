"""The deploy step: a candidate that passed the gate becomes a version and the champion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from components.deploy.store import MODEL_CARD, ModelStore
from components.errors import InputError
from components.journal import Journal

# Without these TensorFlow Serving can't load a version.
_NEEDED = ("saved_model.pb", "variables", MODEL_CARD)


@dataclass(frozen=True)
class DeployRequest:
    """What to deploy.

    Attributes:
        store: the model store.
        candidate: folder with the servable and its model card.
    """

    store: ModelStore
    candidate: Path


@dataclass(frozen=True)
class DeploySummary:
    """What is served now.

    Attributes:
        model: name of the model.
        version: the new champion.
        previous: the champion before it, 0 for none.
        path: folder of the version.
    """

    model: str
    version: int
    previous: int
    path: str


def deploy_candidate(request: DeployRequest, journal: Journal) -> DeploySummary:
    """Publishes a candidate and makes it champion; if it fails, the champion stays what it was.

    Raises:
        InputError: if the candidate is incomplete.
    """
    model = _model_name(request.candidate)
    version = request.store.publish(model, request.candidate)
    journal.progress(1, 2, f"{model} version {version} published")
    champion = request.store.promote(model, version)
    journal.progress(2, 2, f"{model} version {version} is champion")
    return DeploySummary(model, version, champion.previous or 0, str(request.store.path(model, version)))


def open_store(location: str) -> ModelStore:
    """The store at a folder.

    Raises:
        InputError: if the location is a URL: versions are renamed into place, which a bucket can't do.
    """
    if "://" in location:
        raise InputError(f"store {location}", "is no folder", "mount the bucket or claim and give its folder")
    return ModelStore(Path(location))


def _model_name(candidate: Path) -> str:
    missing = [name for name in _NEEDED if not (candidate / name).exists()]
    if missing:
        raise InputError(str(candidate), f"lacks {', '.join(missing)}", "run the ensemble step again")
    card = json.loads((candidate / MODEL_CARD).read_text(encoding="utf-8"))
    return str(card["name"])
