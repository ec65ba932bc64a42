"""Chooses among equal, greedy, single and gated weights by their error on held-back validation blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.ensemble.evidence import Evidence, relative_rmse, rmse
from components.ensemble.folds import Fold, interleaved_folds
from components.ensemble.gating import Gate, GateTrainer
from components.ensemble.static_weights import caruana_weights, equal_weights, single_weights

Kind = Literal["equal", "caruana", "single", "gating"]

# In the order of what is given up: averaging is hard to beat, so a later kind must beat the best before it by MARGIN.
STATIC_KINDS = {"equal": equal_weights, "caruana": caruana_weights, "single": single_weights}
# One validation part holds few floods: a kind that led by less there was often behind on the test part.
MARGIN = 0.02
# Below this many validation windows a gate has nothing to learn from.
LEAST_WINDOWS_FOR_GATE = 500


@dataclass(frozen=True)
class Reach:
    """How far one origin's window and targets reach, in steps."""

    window: int
    longest: int


@dataclass(frozen=True)
class Candidate:
    """One kind of weights, judged on blocks that it wasn't fitted on.

    Attributes:
        held_back: [n, members, horizons] weights of each validation origin by the fit that didn't see it.
        relative: mean over horizons of RMSE / RMSE of persistence; the figure that decides.
        rmse: over all origins and horizons, the target's unit.
    """

    held_back: NDArray[np.float32]
    relative: float
    rmse: float


@dataclass(frozen=True)
class Weighting:
    """Weights of the kept kind, fitted on all validation origins.

    Attributes:
        kind: which kind won.
        fixed: [members, horizons] weights for every window, None for `gating`.
        gate: the network, None for the other kinds.
        candidates: every kind that was tried.
    """

    kind: str
    fixed: NDArray[np.float32] | None
    gate: Gate | None
    candidates: Mapping[str, Candidate]

    def weights(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, members, horizons] for signals [n, signals]."""
        if self.gate is not None:
            return self.gate.weights(signals)
        assert self.fixed is not None
        return np.broadcast_to(self.fixed, (len(signals), *self.fixed.shape))

    @property
    def held_back(self) -> NDArray[np.float32]:
        """Held-back weights of the kept kind, [n, members, horizons]."""
        return self.candidates[self.kind].held_back


def choose_weights(evidence: Evidence, reach: Reach, seed: int) -> Weighting:
    """Judges every kind on held-back blocks, keeps the best, and fits it again on all validation origins."""
    folds = interleaved_folds(evidence.times, reach.window, reach.longest)
    candidates = {kind: _judged(evidence, _static_weights(kind, evidence, folds)) for kind in STATIC_KINDS}
    epochs = 0
    trainer = None
    if evidence.errors.shape[1] > 1 and len(evidence.times) >= LEAST_WINDOWS_FOR_GATE:
        trainer = GateTrainer(evidence, seed)
        gated, epochs = _gated_weights(trainer, evidence, folds, reach)
        candidates["gating"] = _judged(evidence, gated)
    kind = preferred({name: candidate.relative for name, candidate in candidates.items()})
    if kind == "gating" and trainer is not None:
        return Weighting(kind, None, trainer.train(evidence, epochs), candidates)
    return Weighting(kind, STATIC_KINDS[kind](evidence), None, candidates)


def preferred(scores: Mapping[str, float]) -> str:
    """The first kind that no later one beats by more than MARGIN; `scores` in order of preference, lower is better."""
    names = list(scores)
    best = names[0]
    for name in names[1:]:
        if scores[name] < scores[best] * (1 - MARGIN):
            best = name
    return best


def _judged(evidence: Evidence, weights: NDArray[np.float32]) -> Candidate:
    errors = evidence.combined(weights)
    return Candidate(weights, relative_rmse(errors, evidence.persistence), rmse(errors))


def _static_weights(kind: str, evidence: Evidence, folds: Sequence[Fold]) -> NDArray[np.float32]:
    weights = np.empty(evidence.errors.shape, np.float32)
    for fold in folds:
        weights[fold.held] = STATIC_KINDS[kind](evidence.at(fold.fit))
    return weights


def _gated_weights(
    trainer: GateTrainer, evidence: Evidence, folds: Sequence[Fold], reach: Reach
) -> tuple[NDArray[np.float32], int]:
    """Held-back weights, and the median of the epochs that the folds took.

    When to stop is decided on blocks inside each fold's own fit, never on those held back.
    """
    weights = np.empty(evidence.errors.shape, np.float32)
    epochs = []
    for fold in folds:
        inside = evidence.at(fold.fit)
        gate = trainer.tune(inside, interleaved_folds(inside.times, reach.window, reach.longest)[0])
        weights[fold.held] = gate.weights(evidence.signals[fold.held])
        epochs.append(gate.epochs)
    return weights, int(np.median(epochs))
