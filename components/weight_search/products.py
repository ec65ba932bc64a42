"""What an ensemble's error depends on, summed up once: mean products of its members' errors.

The squared error of weights w is w'Gw, with G the mean of e_i * e_j over origins (weights that sum to one), so that
trying weights costs members^2 a horizon, whatever the number of origins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.cross_validate.out_of_fold import OutOfFold

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Products:
    """Mean products of errors.

    Attributes:
        horizons: lead times, in steps.
        members: names.
        matrices: [horizons, members, members], squared unit of the target.
        references: [horizons], mean squared error of persistence.
    """

    horizons: tuple[int, ...]
    members: tuple[str, ...]
    matrices: NDArray[np.float64]
    references: NDArray[np.float64]

    def squares(self, weights: Weights) -> NDArray[np.float64]:
        """Mean squared error at each horizon; weights [members, horizons]."""
        return np.asarray(np.einsum("mh,hmk,kh->h", weights, self.matrices, weights))

    def relative(self, weights: Weights) -> float:
        """Mean over horizons of RMSE / RMSE of persistence: what a search makes small."""
        return float(np.mean(np.sqrt(np.maximum(self.squares(weights), 0.0) / self.references)))

    def rmse(self, weights: Weights) -> float:
        """Root of the mean over horizons of the squared error, the target's unit."""
        return float(np.sqrt(np.maximum(self.squares(weights), 0.0).mean()))


def products_of(table: OutOfFold, folds: Iterable[int]) -> Products:
    """Products over the blocks of some folds, where the target was read and every member is a number."""
    chosen = np.isin(table.folds, list(folds))
    forecasts = np.stack([values[chosen] for values in table.members.values()], axis=1).astype(np.float64)
    actual = table.actual[chosen].astype(np.float64)
    errors = forecasts - actual[:, None, :]
    persistence = table.baselines["persistence"][chosen].astype(np.float64) - actual
    known = np.isfinite(errors).all(axis=1) & np.isfinite(persistence)
    counts = np.maximum(known.sum(axis=0), 1)
    errors = np.where(known[:, None, :], errors, 0.0)
    matrices = np.einsum("nmh,nkh->hmk", errors, errors) / counts[:, None, None]
    references = np.where(known, persistence, 0.0) ** 2
    floor = max(float(references.mean()), 1e-12) * 1e-9
    return Products(table.horizons, tuple(table.members), matrices, np.maximum(references.sum(axis=0) / counts, floor))
