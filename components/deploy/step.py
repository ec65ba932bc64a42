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
KEEP = 10


@dataclass(frozen=True)
class DeployRequest:
    """What to deploy.

    Attributes:
        store: the model store.
        candidate: folder with the servable and its model card.
        keep: how many of the newest versions stay in the store, besides those that serve or served last.
    """

    store: ModelStore
    candidate: Path
    keep: int = KEEP


@dataclass(frozen=True)
class DeploySummary:
    """What is served now.

    Attributes:
        model: name of the model.
        version: the new champion.
        previous: the champion before it, 0 for none.
        path: folder of the version.
        removed: how many old versions were removed.
    """

    model: str
    version: int
    previous: int
    path: str
    removed: int


def deploy_candidate(request: DeployRequest, journal: Journal) -> DeploySummary:
    """Publishes a candidate, makes it champion and removes old versions; if it fails, the champion stays what it was.

    Raises:
        InputError: if the candidate is incomplete, or `keep` is below 1.
    """
    if request.keep < 1:
        raise InputError(f"keep {request.keep}", "is no number of versions", "keep at least 1")
    model = _model_name(request.candidate)
    version = request.store.publish(model, request.candidate)
    journal.progress(1, 3, f"{model} version {version} published")
    champion = request.store.promote(model, version)
    journal.progress(2, 3, f"{model} version {version} is champion")
    removed = _prune(request, model, journal)
    path = str(request.store.path(model, version))
    return DeploySummary(model, version, champion.previous or 0, path, len(removed))


def _prune(request: DeployRequest, model: str, journal: Journal) -> tuple[int, ...]:
    """The versions removed; the champion serves already, so what can't be removed is said and fails nothing."""
    try:
        removed = request.store.prune(model, request.keep)
    except (OSError, InputError) as error:
        journal.note(f"old versions of {model} stay: {error}")
        return ()
    if removed:
        journal.progress(3, 3, f"{model}: removed {', '.join(f'version {version}' for version in removed)}")
    return removed


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
