"""The step that takes the champion out of the store, so that its members can be trained further."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from components.deploy.store import MODEL_CARD, ModelStore
from components.errors import InputError
from components.journal import Journal
from components.preprocess.generations import Generation
from components.train.registry import MEMBERS
from components.train.warm_start import FROM_SCRATCH, member_facts, member_file
from components.validate.champion import DATASET_FILE, incompatible

if TYPE_CHECKING:
    from collections.abc import Sequence

KERAS_FILE = "model.keras"


@dataclass(frozen=True)
class TakeRequest:
    """What to take.

    Attributes:
        dataset: today's dataset file.
        store: the model store.
        version: the champion.
        out: folder for the model card and each network's model.
    """

    dataset: Dataset
    store: ModelStore
    version: int
    out: Path


@dataclass(frozen=True)
class Taken:
    """What was taken.

    Attributes:
        version: the champion's.
        members: of these networks it goes on.
        generations: parts of the readings that it was trained on.
    """

    version: int
    members: tuple[str, ...]
    generations: tuple[Generation, ...]


def find_champion(dataset: Dataset, store: ModelStore, version: int, members: Sequence[str] = ()) -> Taken:
    """The champion, if its members can be trained further on today's readings; loads no model.

    Args:
        dataset: today's dataset file.
        store: the model store.
        version: the champion's version; 0 for none.
        members: members to go on with; none for all that it has.

    Raises:
        InputError: there is no champion, it forecasts something else, or it lacks a member.
    """
    if not version:
        raise InputError(f"{store.root}", f"there is no champion of {dataset.name}", FROM_SCRATCH)
    folder = store.path(dataset.name, version)
    theirs = load_dataset(folder / DATASET_FILE)
    reason = changed(dataset, theirs)
    if reason:
        raise InputError(f"dataset {dataset.name}", f"champion {version} {reason}", FROM_SCRATCH)
    names = tuple(members) or tuple(store.model_card(dataset.name, version)["members"])
    networks = tuple(name for name in names if name != "linear" and name in MEMBERS)
    if not networks:
        raise InputError(f"champion {version}", "has no network that could be trained further", FROM_SCRATCH)
    facts = [member_facts(folder, name)["warm_start"] for name in networks]
    return Taken(version, networks, tuple(Generation(**each) for each in facts[0]["generations"]))


def changed(ours: Dataset, theirs: Dataset) -> str:
    """Why members made for `theirs` can't be trained further for `ours`; empty where they can."""
    reason = incompatible(ours, theirs)
    if reason:
        return reason
    for what in ("horizons", "calendar", "quantiles"):
        if getattr(ours, what) != getattr(theirs, what):
            return f"has other {what}"
    return "" if not ours.split.in_rows else "would need a split by shares, not by numbers of rows"


def take_champion(request: TakeRequest, journal: Journal) -> Taken:
    """Writes the champion's card and its networks, each as `NAME.keras`.

    Raises:
        InputError: as `find_champion`.
    """
    # TensorFlow takes seconds to import: only where models are taken apart.
    from components.ensemble.servable import load_servable

    taken = find_champion(request.dataset, request.store, request.version)
    folder = request.store.path(request.dataset.name, taken.version)
    request.out.mkdir(parents=True, exist_ok=True)
    servable = load_servable(folder / KERAS_FILE)
    for done, name in enumerate(taken.members, 1):
        servable.get_layer(name).save(member_file(request.out, name))
        journal.progress(done, len(taken.members), name)
    shutil.copyfile(folder / MODEL_CARD, request.out / MODEL_CARD)
    return taken


def facts_of(taken: Taken) -> dict[str, object]:
    """For the journal."""
    return {"version": taken.version, "members": ", ".join(taken.members), "old_until": taken.generations[-1].until}
