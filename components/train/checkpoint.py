"""Checkpoints: what a training run needs to go on, in one file that is replaced whole or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.deploy.durable import replacing

Arrays = list[NDArray[Any]]
FORMAT = 2


@dataclass
class Progress:
    """How far one way of training has come.

    Attributes:
        step: steps done.
        seconds: wall clock spent.
        targets: targets trained on.
        rows: rows of windows and chunks trained on.
        training_seconds: wall clock spent in training steps alone.
        waiting_seconds: of these, those in which the step waited for its batch.
        weights: of the training model, as they are now.
        optimizer: the optimiser's variables.
        states: of the layers' random generators.
        average: moving average of the weights; what is scored and served.
        best: the average with the best score.
        best_error: that score.
        stale: scores since the best one.
        history: a line for each score.
        random: state of the generator of batches.
    """

    step: int = 0
    seconds: float = 0.0
    targets: int = 0
    rows: int = 0
    training_seconds: float = 0.0
    waiting_seconds: float = 0.0
    weights: Arrays = field(default_factory=list)
    optimizer: Arrays = field(default_factory=list)
    states: Arrays = field(default_factory=list)
    average: Arrays = field(default_factory=list)
    best: Arrays = field(default_factory=list)
    best_error: float = float("inf")
    stale: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    random: dict[str, Any] = field(default_factory=dict)


_ARRAYS = ("weights", "optimizer", "states", "average", "best")


def content_key(**content: Any) -> str:
    """Name of the folder in which checkpoints of exactly this content lie."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def save_checkpoint(path: Path, runs: dict[str, Progress]) -> None:
    """Replaces the last checkpoint by the progress of each way of training."""
    arrays: dict[str, Any] = {
        f"{mode}/{name}/{index}": array
        for mode, run in runs.items()
        for name in _ARRAYS
        for index, array in enumerate(getattr(run, name))
    }
    facts = {mode: {k: v for k, v in vars(run).items() if k not in _ARRAYS} for mode, run in runs.items()}
    arrays["facts"] = np.asarray(json.dumps({"format": FORMAT, "runs": facts}))
    with replacing(path) as file:
        np.savez(file, **arrays)


def load_checkpoint(path: Path) -> dict[str, Progress]:
    """The progress that was saved last; empty where there is none, it is damaged, or another version's."""
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            if facts["format"] != FORMAT:
                return {}
            return {mode: Progress(**run, **_arrays(stored, mode)) for mode, run in facts["runs"].items()}
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError):
        return {}


def _arrays(stored: Any, mode: str) -> dict[str, Any]:
    names = {name: sum(key.startswith(f"{mode}/{name}/") for key in stored.files) for name in _ARRAYS}
    return {name: [stored[f"{mode}/{name}/{index}"] for index in range(count)] for name, count in names.items()}
