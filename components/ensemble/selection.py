"""Chooses among weights by inverse error, equal, greedy, single and gated ones, on held-back validation blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.ensemble.evidence import Evidence, block_losses, relative_rmse, rmse, weighted
from components.ensemble.folds import Fold, interleaved_folds
from components.ensemble.gating import Gate, GateTrainer
from components.ensemble.members import BATCH
from components.ensemble.static_weights import (
    caruana_weights,
    equal_weights,
    inverse_weights,
    mean_weights,
    single_weights,
)

Kind = Literal["inverse", "mean", "equal", "caruana", "single", "gating"]

STATIC_KINDS = {
    "inverse": inverse_weights,
    "mean": mean_weights,
    "equal": equal_weights,
    "caruana": caruana_weights,
    "single": single_weights,
}
# What dynamic weights are measured against.
REFERENCES = ("single", "mean", "equal", "caruana")


@dataclass(frozen=True)
class Lead:
    """By how much a kind must be better than the one that would be kept without it.

    Attributes:
        share: of that one's relative error.
        errors: standard errors, over blocks of time; luck alone reaches 1.645 one time in twenty.
    """

    share: float
    errors: float


# In the order of what is given up: averaging is hard to beat, and a lead must not hang on a few lucky days. A network
# has many weights to be lucky with. The plain mean and the best member alone are never kept: `inverse` and `caruana`
# come to them where they are best, and only there. docs/ensemble.md has the runs that these were chosen on.
LEADS = {
    "inverse": Lead(0.0, 0.0),
    "equal": Lead(0.005, 1.645),
    "caruana": Lead(0.005, 1.645),
    "gating": Lead(0.01, 2.5),
}
MOST_BLOCKS = 40
LEAST_BLOCKS = 6
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
        relative: mean over horizons of RMSE / RMSE of persistence; the figure that decides.
        rmse: over all origins and horizons, the target's unit.
        losses: [blocks] mean over horizons of the mean square error over that of persistence, by block of time.
    """

    relative: float
    rmse: float
    losses: NDArray[np.float64]


@dataclass(frozen=True)
class Weighting:
    """Weights of the kept kind, fitted on all validation origins.

    Attributes:
        kind: which kind won.
        held_back: [n, members, horizons] its weights of each validation origin by the fit that didn't see it.
        fixed: [members, horizons] weights for every window, None for `gating`.
        gate: the network, None for the other kinds.
        candidates: every kind that was tried.
        others: weights of every static kind, [members, horizons], fitted on all validation origins.
        dynamic: the gating network, kept or not; None where there was too little to train one on.
    """

    kind: str
    held_back: NDArray[np.float32]
    fixed: NDArray[np.float32] | None
    gate: Gate | None
    candidates: Mapping[str, Candidate]
    others: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    dynamic: Gate | None = None

    def weights(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, members, horizons] for signals [n, signals]."""
        if self.gate is not None:
            return self.gate.weights(signals)
        assert self.fixed is not None
        return np.broadcast_to(self.fixed, (len(signals), *self.fixed.shape))

    def forecasts(self, signals: NDArray[np.float32], points: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """What each kind of weights forecasts, kept or not, before rules and limits; [n, horizons] by kind.

        Args:
            signals: [n, signals].
            points: [n, members, horizons].
        """
        found = {kind: weighted(points, weights) for kind, weights in self.others.items()}
        if self.dynamic is not None:
            found["gating"] = weighted(points, self.dynamic.weights(signals))
        return found


def choose_weights(evidence: Evidence, reach: Reach, seed: int) -> Weighting:
    """Judges every kind on held-back blocks, keeps the best, and fits all of them again on all validation origins."""
    folds = interleaved_folds(evidence.times, reach.window, reach.longest)
    blocks = time_blocks(evidence.times, reach)
    candidates = {kind: _judged(evidence, _static_weights(kind, evidence, folds), blocks) for kind in STATIC_KINDS}
    dynamic, held_back = None, None
    if evidence.errors.shape[1] > 1 and len(evidence.times) >= LEAST_WINDOWS_FOR_GATE:
        trainer = GateTrainer(evidence, seed)
        held_back, epochs = _gated_weights(trainer, evidence, folds, reach)
        candidates["gating"] = _judged(evidence, held_back, blocks)
        dynamic = trainer.train(epochs)
    others = {kind: fit(evidence) for kind, fit in STATIC_KINDS.items()}
    kind = preferred(candidates)
    if kind == "gating":
        assert held_back is not None
        return Weighting(kind, held_back, None, dynamic, candidates, others, dynamic)
    # Found again, since the weights of every kind for every origin and horizon would take a gigabyte.
    held_back = _static_weights(kind, evidence, folds)
    return Weighting(kind, held_back, others[kind], None, candidates, others, dynamic)


def preferred(candidates: Mapping[str, Candidate]) -> str:
    """The first of the kinds that may be kept that no later one beats by its lead."""
    best, *later = (name for name in LEADS if name in candidates)
    for name in later:
        lead, ours, kept = LEADS[name], candidates[name], candidates[best]
        if ours.relative < kept.relative * (1 - lead.share) and sureness(ours.losses, kept.losses) >= lead.errors:
            best = name
    return best


def sureness(losses: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """By how many standard errors the mean of `losses` is below that of `others`; both [blocks] of the same blocks.

    Diebold and Mariano, "Comparing predictive accuracy", JBES 13 (1995), with blocks longer than the errors' memory
    in place of a long-run variance. 0 where the blocks are too few to say.
    """
    gain = others - losses
    gain = gain[np.isfinite(gain)]
    if len(gain) < LEAST_BLOCKS:
        return 0.0
    return float(gain.mean() / max(gain.std(ddof=1) / np.sqrt(len(gain)), 1e-12))


def time_blocks(times: NDArray[np.int64], reach: Reach) -> NDArray[np.int64]:
    """Block of time that each origin lies in, [n]; at most MOST_BLOCKS, each no shorter than window and horizon."""
    passed = times - times.min(initial=times[0] if len(times) else 0)
    length = int(passed.max(initial=0)) + 1
    blocks = int(np.clip(length // (reach.window + reach.longest), 1, MOST_BLOCKS))
    return np.asarray(passed * blocks // length)


def _judged(evidence: Evidence, weights: NDArray[np.float32], blocks: NDArray[np.int64]) -> Candidate:
    errors = evidence.combined(weights)
    losses = block_losses(errors, evidence.persistence, blocks)
    return Candidate(relative_rmse(errors, evidence.persistence), rmse(errors), losses)


def _static_weights(kind: str, evidence: Evidence, folds: Sequence[Fold]) -> NDArray[np.float32]:
    weights = np.empty(evidence.errors.shape, np.float32)
    for fold in folds:
        weights[fold.held] = STATIC_KINDS[kind](evidence.errors_at(fold.fit))
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
        inside = interleaved_folds(evidence.times[fold.fit], reach.window, reach.longest)[0]
        gate = trainer.tune(Fold(fit=fold.fit[inside.fit], held=fold.fit[inside.held]))
        for start in range(0, len(fold.held), BATCH):
            piece = fold.held[start : start + BATCH]
            weights[piece] = gate.weights(evidence.signals(piece))
        epochs.append(gate.epochs)
    return weights, int(np.median(epochs))
