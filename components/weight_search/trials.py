"""Experiments with ensemble weights: each proposes weights, and is judged by its out-of-fold error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.weight_search.methods import METHODS
from components.weight_search.products import Products, Weights

Scope = Literal["global", "horizon"]
SCOPES: tuple[Scope, ...] = ("global", "horizon")
# Draws at the ends of (0, 1) would give a weight of nothing or of everything.
_EDGE = 1e-6


@dataclass(frozen=True)
class Trial:
    """One experiment.

    Attributes:
        number: from 0.
        scope: `global` for the same weights at all horizons, `horizon` for weights that change with the horizon.
        relative: mean over horizons of RMSE / RMSE of persistence.
        rmse: over all horizons, the target's unit.
        seconds: wall clock.
        weights: [members, horizons].
    """

    number: int
    scope: Scope
    relative: float
    rmse: float
    seconds: float
    weights: Weights


def search_weights(
    products: Products, trials: int, seed: int, tell: Callable[[int], None] = lambda done: None
) -> tuple[Trial, ...]:
    """Half of the trials search weights for all horizons alike, half weights by horizon; repeatable by their seed.

    The sampler is a tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
    NIPS 2011) over points of the simplex. The mean of the members and the best one are the first trials of each half,
    so that no search ends behind them on the folds it was made on.

    Raises:
        InputError: optuna isn't installed.
    """
    found: list[Trial] = []
    for place, scope in enumerate(SCOPES):
        own = trials // 2 if place else trials - trials // 2
        if own:
            found += _search(products, scope, own, seed + place, len(found), tell)
    return tuple(found)


def _search(
    products: Products, scope: Scope, trials: int, seed: int, first: int, tell: Callable[[int], None]
) -> list[Trial]:
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=max(4, trials // 4))
    study = optuna.create_study(direction="minimize", sampler=sampler)
    for method in ("mean", "single"):
        study.enqueue_trial(_draws_of(METHODS[method](products)[:, 0], scope))
    found: list[Trial] = []

    def judge(asked: Any) -> float:
        began = time.perf_counter()
        weights = _proposed(products, scope, asked)
        relative = products.relative(weights)
        seconds = time.perf_counter() - began
        found.append(Trial(first + len(found), scope, relative, products.rmse(weights), seconds, weights))
        tell(first + len(found))
        return relative

    study.optimize(judge, n_trials=trials)
    return found


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise InputError("optuna", "is not installed", "`pip install 'sluice[search]'`") from None
    return optuna


def _ends(scope: Scope) -> tuple[str, ...]:
    return ("all",) if scope == "global" else ("shortest", "longest")


def _proposed(products: Products, scope: Scope, asked: Any) -> Weights:
    """Weights [members, horizons]; by horizon, they go from those of the shortest to those of the longest."""
    points = [
        _on_simplex(
            np.array([asked.suggest_float(f"{end}_{at}", _EDGE, 1 - _EDGE) for at in range(len(products.members))])
        )
        for end in _ends(scope)
    ]
    along = _along(products.horizons)
    return points[0][:, None] * (1 - along) + points[-1][:, None] * along


def _along(horizons: tuple[int, ...]) -> NDArray[np.float64]:
    """Place of each horizon between the shortest (0) and the longest (1), by its logarithm."""
    logs = np.log(np.asarray(horizons, np.float64))
    return np.asarray((logs - logs.min()) / max(float(np.ptp(logs)), 1e-12))


def _on_simplex(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    # Even draws become points spread evenly over the simplex: normalised exponential variables (Devroye 1986, ch. V).
    exponential = -np.log(draws)
    return np.asarray(exponential / exponential.sum())


def _draws_of(weights: NDArray[np.float64], scope: Scope) -> dict[str, float]:
    """Draws that give these weights; nothing becomes as little as draws can say."""
    draws = [min(max(math.exp(-weight * len(weights)), _EDGE), 1 - _EDGE) for weight in weights]
    return {f"{end}_{at}": draw for end in _ends(scope) for at, draw in enumerate(draws)}
