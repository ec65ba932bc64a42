"""Weights that don't depend on the window: by inverse error, equal, the best single member, and greedy selection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.ensemble.evidence import MemberErrors, mean_squares

ROUNDS = 100
# Of the root mean square error: between equal weights (0) and the best member alone (infinity).
INVERSE_POWER = 4
# An average gains from members that err differently, and loses from one that errs more: this much more is too much.
LARGEST_EXCESS = 0.1


def eligible_members(evidence: MemberErrors) -> NDArray[np.bool_]:
    """Which members may carry weight at which horizon, [members, horizons].

    A member that is worse there than the last value may not; where all are, the best of them may.
    """
    squares = _finite(mean_squares(evidence.errors))
    eligible = squares <= _finite(mean_squares(evidence.persistence))
    best = np.arange(len(squares))[:, None] == squares.argmin(axis=0)
    return np.asarray(eligible | (best & ~eligible.any(axis=0)))


def mean_weights(evidence: MemberErrors) -> NDArray[np.float32]:
    """The plain mean of all members, whatever they are worth, [members, horizons]."""
    _, members, horizons = evidence.errors.shape
    return np.full((members, horizons), 1 / members, np.float32)


def inverse_weights(evidence: MemberErrors) -> NDArray[np.float32]:
    """Weights by the inverse of the mean square error, squared, of members that may carry any; [members, horizons].

    Errors alone, not their correlations, whose estimates cost more than they bring where a part holds few floods:
    Bates and Granger, "The combination of forecasts", OR 20 (1969); the power as in Stock and Watson, "Combination
    forecasts of output growth", J. Forecasting 23 (2004), section 3.
    """
    squares = _finite(mean_squares(evidence.errors))
    least = np.maximum(squares.min(axis=0), 1e-24)
    raised = np.where(eligible_members(evidence), (np.maximum(squares, least) / least) ** (-INVERSE_POWER / 2), 0.0)
    return np.asarray(raised / raised.sum(axis=0), dtype=np.float32)


def equal_weights(evidence: MemberErrors) -> NDArray[np.float32]:
    """The same weight for each member that may carry any and is near the best one there, [members, horizons].

    A trimmed mean of forecasts: Jose and Winkler, "Simple robust averages of forecasts", IJF 24 (2008), section 2.
    """
    roots = np.sqrt(_finite(mean_squares(evidence.errors)))
    kept = eligible_members(evidence)
    best = np.where(kept, roots, np.inf).min(axis=0)
    near = (kept & (roots <= (1 + LARGEST_EXCESS) * best)).astype(np.float32)
    return np.asarray(near / near.sum(axis=0), dtype=np.float32)


def single_weights(evidence: MemberErrors) -> NDArray[np.float32]:
    """All weight on the one member that is best over all horizons, [members, horizons]."""
    squares = _finite(mean_squares(evidence.errors))
    reference = np.maximum(_finite(mean_squares(evidence.persistence)), 1e-12)
    best = np.sqrt(squares / reference).mean(axis=1).argmin()
    weights = np.zeros(squares.shape, dtype=np.float32)
    weights[best] = 1.0
    return weights


def caruana_weights(evidence: MemberErrors) -> NDArray[np.float32]:
    """Greedy selection of members with replacement, per horizon, for the least squared error; [members, horizons].

    Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004, as in AutoGluon's
    `core/models/greedy_ensemble/ensemble_selection.py`: in each round the member that lowers the error most is
    added once more, and the best round is kept. The error of a mixture w is w'Gw, with G the mean products of the
    members' errors, so a round costs members^2 whatever the number of windows.
    """
    eligible = eligible_members(evidence)
    columns = [
        _greedy(_mean_products(evidence.errors[:, :, horizon]), eligible[:, horizon])
        for horizon in range(evidence.errors.shape[2])
    ]
    return np.stack(columns, axis=1, dtype=np.float32)


def _greedy(products: NDArray[np.float64], eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of the best round, [members]."""
    counts = np.zeros(len(products))
    best, least = counts, np.inf
    for size in range(1, ROUNDS + 1):
        # (c + e_m)' G (c + e_m) for every m at once
        errors = (counts @ products @ counts + 2 * products @ counts + np.diag(products)) / size**2
        chosen = int(np.where(eligible, errors, np.inf).argmin())
        counts[chosen] += 1
        if errors[chosen] < least:
            best, least = counts / size, float(errors[chosen])
    return best


def _mean_products(errors: NDArray[np.float32]) -> NDArray[np.float64]:
    """[members, members] mean of e_i * e_j over the origins where the target was observed."""
    seen = errors[np.isfinite(errors).all(axis=1)].astype(np.float64)
    return seen.T @ seen / max(len(seen), 1)


def _finite(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """A horizon that was never observed counts as no error, so that all members tie there."""
    return np.nan_to_num(squares, nan=0.0)
