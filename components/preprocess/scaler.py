"""Centre and scale of the columns, from training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import Scaler, Span

_BLOCK_ROWS = 65_536
# A column whose standard deviation is below this share of its mean is constant but for float32's rounding.
_CONSTANT = 1e-6


def fit_scaler(values: NDArray[np.float32], usable: NDArray[np.bool_], spans: tuple[Span, ...]) -> Scaler:
    """Mean and standard deviation of the usable training rows, summed in float64; a constant column has scale 1.

    Args:
        values: [rows, columns], raw units.
        usable: [rows].
        spans: where the training parts lie.
    """
    columns = values.shape[1]

    def mean_of(figure: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        total, rows = np.zeros(columns), 0
        for block in _training_blocks(values, usable, spans):
            total += figure(block).sum(axis=0)
            rows += len(block)
        return total / max(rows, 1)

    center = mean_of(lambda block: block)
    scale = np.sqrt(mean_of(lambda block: np.square(block - center)))
    scale[scale <= _CONSTANT * np.abs(center)] = 1.0
    return Scaler(tuple(center.tolist()), tuple(scale.tolist()))


def _training_blocks(
    values: NDArray[np.float32], usable: NDArray[np.bool_], spans: tuple[Span, ...]
) -> Iterator[NDArray[np.float64]]:
    for span in spans:
        first, last = span.part("train")
        for row in range(first, last, _BLOCK_ROWS):
            rows = slice(row, min(row + _BLOCK_ROWS, last))
            yield values[rows][usable[rows]].astype(np.float64)
