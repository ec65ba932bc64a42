"""Real windows to ask a server, and what Keras answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.errors import InputError
from components.preprocess.series import Series
from components.preprocess.windows import origins

Inputs = Mapping[str, NDArray[np.float32]]
Asked = tuple[NDArray[np.float32], NDArray[np.float32] | None]


def sample_windows(dataset: Dataset, series: Series, count: int) -> Inputs:
    """Inputs [count, ...] by name, spread evenly over the test part.

    Raises:
        InputError: the test part has no window.
    """
    from components.validate.saved_model import inputs_at

    rows = origins(series, "test", dataset.window, dataset.horizons)
    if len(rows) == 0:
        raise InputError(dataset.name, "the test part has no window", "choose a longer test part in `split`")
    spread = np.linspace(0, len(rows) - 1, count).astype(np.int64)
    return inputs_at(dataset, series, rows[spread])


def keras_answers(version: Path, inputs: Inputs) -> Mapping[str, NDArray[np.float32]]:
    """Outputs [batch, ...] by name of the Keras model in a version's folder."""
    from components.ensemble.export import KERAS_FILE
    from components.ensemble.servable import load_servable

    model = load_servable(version / KERAS_FILE)
    return {name: np.asarray(array) for name, array in model(dict(inputs), training=False).items()}


def first_windows(inputs: Inputs, size: int) -> Asked:
    """The first windows, repeated where there are fewer than wanted."""
    window = np.resize(inputs["window"], (size, *inputs["window"].shape[1:]))
    future = inputs.get("future")
    return window, None if future is None else np.resize(future, (size, *future.shape[1:]))
