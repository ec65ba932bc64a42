"""The search with its nested check.

Of the folds, in the order of time: ways of choosing weights are compared on the folds between the first and the last,
each by weights chosen on the folds before it; the way that does best is judged on the last fold, by weights chosen on
all before it. So nothing that is reported of the kept way was chosen by what it is judged on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from components.cross_validate.out_of_fold import OutOfFold
from components.errors import InputError
from components.weight_search.methods import METHODS
from components.weight_search.products import Products, Weights, products_of
from components.weight_search.trials import SCOPES, Trial, search_weights

LEAST_TRIALS = 2

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Judged:
    """One way of choosing weights; errors are means over horizons of RMSE / RMSE of persistence.

    Attributes:
        name: `mean`, `single`, `greedy`, `nnls`, `search_global` or `search_horizon`.
        inside: error on all folds, which the weights were chosen on.
        choosing: mean error on the folds between the first and the last, each by weights chosen on those before it;
            of two folds, the error on the first, which the weights were chosen on. The least is kept.
        check: error on the last fold, by weights chosen on all before it.
        check_rmse: the same over all horizons, the target's unit.
        weights: chosen on all folds, [members, horizons].
    """

    name: str
    inside: float
    choosing: float
    check: float
    check_rmse: float
    weights: Weights


@dataclass(frozen=True)
class Search:
    """What came of it.

    Attributes:
        members: names.
        horizons: lead times, in steps.
        trials: the experiments, by the last of the folds that they were made on.
        methods: every way of choosing weights, in the order of what is simplest.
    """

    members: tuple[str, ...]
    horizons: tuple[int, ...]
    trials: Mapping[int, tuple[Trial, ...]]
    methods: tuple[Judged, ...]

    @property
    def kept(self) -> Judged:
        """Least error before the last fold; of equals, the simplest."""
        return min(self.methods, key=lambda method: method.choosing)

    @property
    def own_trials(self) -> tuple[Trial, ...]:
        """The experiments on all folds."""
        return self.trials[max(self.trials)]

    def method(self, name: str) -> Judged:
        """The way of that name."""
        return next(method for method in self.methods if method.name == name)


def search(table: OutOfFold, trials: int, seed: int, tell: Tell = lambda done, total: None) -> Search:
    """Runs `trials` experiments on all folds, and as many on each shorter run of folds for the check.

    Raises:
        InputError: fewer than two folds or trials, or optuna isn't installed.
    """
    folds = sorted(set(table.folds.tolist()))
    if len(folds) < 2:
        raise InputError("folds", "weights chosen on one fold can't be judged on another", "take at least two folds")
    if trials < LEAST_TRIALS:
        raise InputError("--trials", f"{trials} are too few", f"give {LEAST_TRIALS} or more, for example 64")
    total = trials * len(folds)
    until = {last: products_of(table, [fold for fold in folds if fold <= last]) for last in folds}
    each = {fold: products_of(table, [fold]) for fold in folds}
    found: dict[int, tuple[Trial, ...]] = {}
    for last in folds:
        told = partial(_tell_on, tell, len(found) * trials, total)
        found[last] = search_weights(until[last], trials, seed, told)
    chosen = {last: _chosen(until[last], found[last]) for last in folds}
    methods = tuple(_judged(name, chosen, until, each) for name in chosen[folds[-1]])
    return Search(until[folds[-1]].members, table.horizons, found, methods)


def _tell_on(tell: Tell, before: int, total: int, done: int) -> None:
    tell(before + done, total)


def _chosen(products: Products, trials: tuple[Trial, ...]) -> dict[str, Weights]:
    """Weights of each way, from some folds."""
    searched = {f"search_{scope}": _best(trials, scope) for scope in SCOPES}
    return {**{name: choose(products) for name, choose in METHODS.items()}, **searched}


def _best(trials: tuple[Trial, ...], scope: str) -> Weights:
    return min((trial for trial in trials if trial.scope == scope), key=lambda trial: trial.relative).weights


def _judged(
    name: str,
    chosen: Mapping[int, Mapping[str, Weights]],
    until: Mapping[int, Products],
    each: Mapping[int, Products],
) -> Judged:
    """`chosen` and `until`: by the last of the folds they come from; `each`: by fold."""
    folds = sorted(each)
    last, before = folds[-1], folds[-2]
    between = [each[later].relative(chosen[fold][name]) for fold, later in pairwise(folds[:-1])]
    weights = chosen[before][name]
    return Judged(
        name=name,
        inside=until[last].relative(chosen[last][name]),
        choosing=float(np.mean(between)) if between else until[before].relative(weights),
        check=each[last].relative(weights),
        check_rmse=each[last].rmse(weights),
        weights=np.asarray(chosen[last][name]),
    )
