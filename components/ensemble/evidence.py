"""What weights are fitted on: the members' errors on validation windows, and what those windows show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MemberErrors:
    """Forecasts as errors; NaN where the target was not observed.

    Attributes:
        errors: [n, members, horizons] float32, point forecast minus actual, the target's unit.
        persistence: [n, horizons] float32, errors of the last value.
    """

    errors: NDArray[np.float32]
    persistence: NDArray[np.float32]

    def combined(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Errors of the weighted forecast, [n, horizons]; weights [n, members, horizons] or [members, horizons]."""
        return weighted(self.errors, weights)


@dataclass(frozen=True)
class Evidence(MemberErrors):
    """Validation forecasts as errors, with what the gating network is told.

    Attributes:
        signals: what the windows at positions [m] show (see `signals`), [m, signals] float32. They are read when they
            are asked for: together they would be the largest array of the step.
        times: [n] time of each origin in steps.
    """

    signals: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    times: NDArray[np.int64]

    def errors_at(self, positions: NDArray[np.int64]) -> MemberErrors:
        """The errors at some of the origins."""
        return MemberErrors(self.errors[positions], self.persistence[positions])


def weighted(members: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum over the members, [n, horizons], of [n, members, horizons] and weights of that shape or [members, horizons].

    Member by member, so that nothing of the members' size is made.
    """
    total = np.zeros((len(members), members.shape[2]), np.float32)
    for member in range(members.shape[1]):
        total += members[:, member] * weights[..., member, :]
    return total


def mean_squares(errors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of squares over the first axis, [...]; NaN errors are passed over, a column with none left gives NaN."""
    seen = np.isfinite(errors)
    known = np.where(seen, errors, np.float32(0.0))
    # Summed as doubles without a copy of the errors as such: those of a panel at many horizons take a gigabyte.
    squares = np.einsum("n...,n...->...", known, known, dtype=np.float64)
    count = seen.sum(axis=0)
    return np.where(count > 0, squares / np.maximum(count, 1), np.nan)


def relative_rmse(errors: NDArray[np.float32], persistence: NDArray[np.float32]) -> float:
    """Mean over the horizons of RMSE / RMSE of persistence, so that the longest horizon doesn't outweigh the others.

    Args:
        errors: [n, horizons].
        persistence: [n, horizons], of the same origins.
    """
    reference = np.sqrt(mean_squares(persistence))
    floor = max(float(np.nanmax(reference, initial=0.0)) * 1e-6, 1e-12)
    return float(np.nanmean(np.sqrt(mean_squares(errors)) / np.maximum(reference, floor)))


def rmse(errors: NDArray[np.float32]) -> float:
    """Root of the mean square over all origins and horizons, the target's unit."""
    return float(np.sqrt(np.nanmean(errors.astype(np.float64) ** 2)))


def block_losses(
    errors: NDArray[np.float32], persistence: NDArray[np.float32], blocks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean over horizons of the mean square error over that of persistence on all origins, [blocks].

    Args:
        errors: [n, horizons].
        persistence: [n, horizons], of the same origins.
        blocks: [n] number of the block that each origin lies in.
    """
    reference = mean_squares(persistence)
    floor = max(float(np.nanmax(reference, initial=0.0)) * 1e-12, 1e-24)
    squares = errors.astype(np.float64) ** 2 / np.maximum(reference, floor)
    known = np.isfinite(squares)
    count = int(blocks.max(initial=-1)) + 1
    total = np.bincount(blocks, np.where(known, squares, 0.0).sum(axis=1), count)
    seen = np.bincount(blocks, known.sum(axis=1), count)
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
