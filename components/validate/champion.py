"""The candidate against the champion, on the same windows of the test part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.errors import InputError
from components.preprocess.series import Series
from components.preprocess.windows import gather_targets
from components.validate.aligned import Aligned
from components.validate.bootstrap import Blocks, Difference, rmse_difference
from components.validate.gate import Unmeasured

if TYPE_CHECKING:
    from components.validate.saved_model import SavedServable

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

# Enough for an interval of a few percent of the RMSE, and a few seconds of the champion's time.
MOST_WINDOWS = 3000
DATASET_FILE = "dataset.yaml"


@dataclass(frozen=True)
class Match:
    """What the candidate is compared on.

    Attributes:
        dataset: the candidate's dataset file.
        series: the prepared series.
        aligned: the candidate's forecasts of the test part.
        origins: rows of the series at which both are asked, some of the forecasts' or all; ascending.
    """

    dataset: Dataset
    series: Series
    aligned: Aligned
    origins: Rows


@dataclass(frozen=True)
class Opponent:
    """A version of the store.

    Attributes:
        store: the model store.
        version: the champion's version, 0 for none.
    """

    store: ModelStore
    version: int


def version_to_beat(store: ModelStore, model: str, named: int) -> int:
    """The version named, 0 for none; below 0 the champion of now."""
    if named >= 0:
        return named
    champion = store.champion(model)
    return champion.version if champion else 0


def compare_with_champion(
    match: Match, opponent: Opponent, generator: np.random.Generator, tell: Callable[[int, int], None]
) -> Difference | Unmeasured:
    """RMSE of the candidate less RMSE of the champion on the same windows, or why it can't be had.

    Args:
        match: the candidate's side.
        opponent: the champion's side.
        generator: source of randomness of the interval.
        tell: is told how many windows of how many are done.
    """
    if opponent.version == 0:
        return Unmeasured("there is no champion yet")
    try:
        folder = opponent.store.path(match.dataset.name, opponent.version)
        theirs = load_dataset(folder / DATASET_FILE)
        reason = incompatible(match.dataset, theirs)
        if reason:
            return Unmeasured(f"champion {opponent.version} {reason}")
        servable = _load(folder)
    except (InputError, OSError, KeyError, ValueError) as error:
        return Unmeasured(f"champion {opponent.version} can't be asked: {error}")
    return _difference(match, theirs, servable, generator, tell)


def incompatible(ours: Dataset, theirs: Dataset) -> str:
    """Why a model made for `theirs` can't answer windows of `ours`; empty where it can."""
    for what in ("target", "inputs", "known", "window", "step"):
        own, other = getattr(ours, what), getattr(theirs, what)
        if own != other:
            return f"has another {what}: {_short(other)} instead of {_short(own)}"
    if not set(ours.horizons) & set(theirs.horizons):
        return f"forecasts other horizons: {_short(theirs.horizons)} instead of {_short(ours.horizons)}"
    if ours.known and max(ours.horizons) != max(theirs.horizons):
        return f"needs known columns {max(theirs.horizons)} steps ahead instead of {max(ours.horizons)}"
    return ""


def sample(origins: Rows, most: int, run: int) -> Rows:
    """At most `most` origins as evenly spread runs of `run` origins that follow one another; all where they are few.

    Runs, and not single origins: the bootstrap draws blocks of neighbours.
    """
    if len(origins) <= most:
        return origins
    run = min(run, most)
    starts = np.linspace(0, len(origins) - run, most // run).astype(np.int64)
    return np.asarray(origins[np.unique(starts[:, None] + np.arange(run))])


def block_length(dataset: Dataset) -> int:
    """Windows in a block: errors at neighbouring origins share readings over a window and targets over a horizon."""
    return max(dataset.window, max(dataset.horizons))


def _load(folder: Path) -> SavedServable:
    # TensorFlow takes seconds to import: only where there is a champion to ask.
    from components.validate.saved_model import load_saved_model

    return load_saved_model(folder)


def _difference(
    match: Match,
    theirs: Dataset,
    servable: SavedServable,
    generator: np.random.Generator,
    tell: Callable[[int, int], None],
) -> Difference:
    from components.validate.saved_model import answers

    dataset, aligned = match.dataset, match.aligned
    length = block_length(dataset)
    rows = sample(match.origins, MOST_WINDOWS, 2 * length)
    forecasts = []
    for _, answer in answers(servable, theirs, match.series, rows):
        forecasts.append(answer["forecast"])
        tell(sum(map(len, forecasts)), len(rows))
    common = [step for step in aligned.horizons if step in theirs.horizons]
    actual = gather_targets(match.series, rows, tuple(common))
    champion = np.concatenate(forecasts)[:, [theirs.horizons.index(step) for step in common]]
    chosen = np.searchsorted(aligned.origins, rows)
    candidate = aligned.matrix("forecast")[chosen][:, [aligned.horizons.index(step) for step in common]]
    blocks = Blocks(length, confidence=dataset.gate.champion_confidence)
    return rmse_difference(candidate - actual, np.float64(champion) - actual, blocks, generator)


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
