"""The small model `river` of tests/serving, for stores on a cluster."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane import ROOT

from components.dataset.load import load_dataset
from components.deploy.store import ModelStore

MODEL = "river"
# Processes in pods run as this user.
USER = 1000


@dataclass(frozen=True)
class River:
    """Candidates for a store, and series to train and to ask with.

    Attributes:
        versions: folders of two candidates that differ.
        mixed: a candidate whose SavedModel is not the Keras model beside it.
        series: folder of prepared series.
    """

    versions: tuple[Path, Path]
    mixed: Path
    series: Path

    @property
    def dataset(self) -> str:
        """Text of the dataset file."""
        return (self.versions[0] / "dataset.yaml").read_text()


def make_river(folder: Path) -> River:
    """Builds it all in a folder."""
    serving = _serving_tests()
    first, second = (serving.write_candidate(folder / f"river-{seed}", MODEL, seed) for seed in (1, 2))
    mixed = shutil.copytree(first, folder / "mixed")
    shutil.rmtree(mixed / "variables")
    shutil.copytree(second / "variables", mixed / "variables")
    for part in ("saved_model.pb", "fingerprint.pb"):
        shutil.copy(second / part, mixed / part)
    series = serving.prepare_river(folder, load_dataset(first / "dataset.yaml"))
    return River((first, second), mixed, series)


def publish(store: Path, candidate: Path) -> int:
    """Makes a candidate the champion of a store that pods write to; its version."""
    opened = ModelStore(store)
    version = opened.publish(MODEL, candidate)
    opened.promote(MODEL, version)
    give(store)
    return version


def give(folder: Path) -> None:
    """Makes the user of pods the owner of a folder's content."""
    for path in folder.rglob("*"):
        os.chown(path, USER, USER)


def _serving_tests() -> Any:
    path = ROOT / "tests" / "serving" / "conftest.py"
    spec = importlib.util.spec_from_file_location("serving_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Data classes look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
