"""Weights that need no search, to be reported beside those that were searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from components.weight_search.products import Products, Weights

ROUNDS = 100
# So much heavier than the errors is the demand that the weights sum to one.
_SUM_WEIGHT = 1e3


def mean_weights(products: Products) -> Weights:
    """The same for each member, [members, horizons]."""
    return np.full((len(products.members), len(products.horizons)), 1 / len(products.members))


def single_weights(products: Products) -> Weights:
    """All on the member that is best over all horizons, [members, horizons]."""
    squares = np.diagonal(products.matrices, axis1=1, axis2=2)
    best = int(np.sqrt(squares / products.references[:, None]).mean(axis=0).argmin())
    weights = np.zeros((len(products.members), len(products.horizons)))
    weights[best] = 1.0
    return weights


def greedy_weights(products: Products) -> Weights:
    """Greedy selection with replacement, per horizon, [members, horizons].

    Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004.
    """
    return np.stack([_greedy(matrix) for matrix in products.matrices], axis=1)


def _greedy(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.zeros(len(matrix))
    best, least = counts, np.inf
    for size in range(1, ROUNDS + 1):
        # (c + e_m)' G (c + e_m) for every m at once
        squares = (counts @ matrix @ counts + 2 * matrix @ counts + np.diag(matrix)) / size**2
        chosen = int(squares.argmin())
        counts[chosen] += 1
        if squares[chosen] < least:
            best, least = counts / size, float(squares[chosen])
    return best


def nnls_weights(products: Products) -> Weights:
    """Least squares with weights that are not negative and sum to one, per horizon, [members, horizons].

    Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23; the sum as one more, heavy row.
    """
    return np.stack([_least_squares(matrix) for matrix in products.matrices], axis=1)


def _least_squares(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    size = max(float(np.trace(matrix)) / len(matrix), 1e-300)
    values, vectors = np.linalg.eigh(matrix / size)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    rows = np.vstack([root, np.full(len(matrix), _SUM_WEIGHT)])
    weights, _ = nnls(rows, np.append(np.zeros(len(matrix)), _SUM_WEIGHT))
    return np.asarray(weights / weights.sum())


METHODS: Mapping[str, Callable[[Products], Weights]] = {
    "mean": mean_weights,
    "single": single_weights,
    "greedy": greedy_weights,
    "nnls": nnls_weights,
}
