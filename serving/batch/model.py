"""The model of a batch prediction: its name, its dataset, and the version that is champion now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.errors import InputError
from serving.batch.request import BatchRequest

_NAME = re.compile(r"[a-z]([-a-z0-9_]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class BatchModel:
    """Whose dataset file says how to read the readings.

    Attributes:
        name: of the model.
        dataset: its dataset.
        store: where its versions lie; None where a server alone knows.
        champion: version that is champion at the start; 0 without a store.
    """

    name: str
    dataset: Dataset
    store: ModelStore | None
    champion: int

    @property
    def series(self) -> frozenset[str]:
        """Series that a model of many was trained on; empty where any may be asked."""
        if self.store is None or not self.dataset.is_panel:
            return frozenset()
        return frozenset(self.store.model_card(self.name, self.champion).get("series", ()))

    def members(self, version: int, count: int) -> tuple[str, ...]:
        """Names of a version's members; numbers where its card isn't here."""
        if self.store is not None and version in self.store.versions(self.name):
            names = tuple(self.store.model_card(self.name, version).get("members", ()))
            if len(names) == count:
                return names
        return tuple(str(number) for number in range(1, count + 1))


def find_model(request: BatchRequest) -> BatchModel:
    """The model that is asked for.

    Raises:
        InputError: there is no store and no dataset file, no such model, or it has no champion.
    """
    if request.url and request.dataset is not None:
        dataset = load_dataset(request.dataset)
        return BatchModel(_name(request.model or dataset.name), dataset, None, 0)
    if request.store is None or not request.store.is_dir():
        where = "--store" if request.store is None else str(request.store)
        fix = "run `sluice run` first, give its --store, or give --url together with --dataset"
        raise InputError(where, "there is no model store to take the dataset file from", fix)
    store = ModelStore(request.store)
    name = request.model or _only_model(store.models(), request.store)
    champion = store.champion(name)
    if champion is None:
        store.path(name, 1)
        raise InputError(str(request.store), f"model {name} has no champion", f"run `sluice models promote {name} 1`")
    dataset = load_dataset(store.path(name, champion.version) / "dataset.yaml")
    return BatchModel(name, dataset, store, champion.version)


def _name(model: str) -> str:
    # It becomes part of file names.
    if not _NAME.fullmatch(model):
        raise InputError(f"--model {model}", "is no name of a model", "lower-case letters, digits, - and _")
    return model


def _only_model(models: tuple[str, ...], store: Path) -> str:
    if len(models) == 1:
        return models[0]
    if not models:
        raise InputError(str(store), "holds no model", "run `sluice run` first, or give another --store")
    raise InputError("--model", f"the store holds {len(models)} models", f"choose from {', '.join(models)}")
