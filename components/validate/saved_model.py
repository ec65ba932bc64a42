"""A version of a model asked as TensorFlow Serving asks it: through the SavedModel's `serving_default`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.preprocess.series import Series
from components.preprocess.windows import gather_future, gather_windows

SIGNATURE = "serving_default"
# As many windows as one batch of the design's 10-minute job holds.
BATCH = 1000

Answer = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class SavedServable:
    """A loaded SavedModel.

    Attributes:
        loaded: what TensorFlow loaded; holds the variables alive.
        signature: its function `serving_default`.
    """

    loaded: Any
    signature: Any

    def ask(self, inputs: Mapping[str, NDArray[np.float32]]) -> Answer:
        """Named outputs for named inputs, `window` [batch, window, columns] in raw units."""
        answer = self.signature(**{name: tf.constant(array) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in answer.items()}


def load_saved_model(folder: Path) -> SavedServable:
    """Loads a version folder.

    Raises:
        OSError: if there is no SavedModel.
        KeyError: if it has no signature `serving_default`.
    """
    loaded = tf.saved_model.load(str(folder))
    return SavedServable(loaded, loaded.signatures[SIGNATURE])


def inputs_at(dataset: Dataset, series: Series, origins: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Inputs of the model at some origins: `window`, and `future` where columns are known ahead."""
    inputs = {"window": gather_windows(series.values, origins, dataset.window)}
    if dataset.known:
        known = [series.inputs.index(name) for name in dataset.known]
        inputs["future"] = gather_future(series.values, origins, max(dataset.horizons), known)
    return inputs


def answers(
    servable: SavedServable, dataset: Dataset, series: Series, origins: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Answer]]:
    """Batches of origins and the answers at them; `dataset` is the one that the model was made for."""
    for start in range(0, len(origins), BATCH):
        batch = origins[start : start + BATCH]
        yield batch, servable.ask(inputs_at(dataset, series, batch))
