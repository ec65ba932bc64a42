"""How far a server's answers are from the Keras model's, in parts of what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# docs: contracts of the servable. 1e-5 of the target's training standard deviation, and four float32 steps.
RELATIVE = 1e-5
STEPS = 4
# Outputs that are shares and probabilities: their scale is 1, whatever the target's is.
_UNITLESS = ("weights", "spike_probability")

Outputs = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Difference:
    """The largest difference found.

    Attributes:
        output: name of the output where it is.
        share: of what is allowed there; at most 1 is equal.
    """

    output: str
    share: float

    @property
    def equal(self) -> bool:
        """Whether all outputs are equal within what is allowed."""
        return self.share <= 1.0


def compare(got: Outputs, wanted: Outputs, target_std: float) -> Difference:
    """The largest difference between outputs [batch, ...] by name; a missing or misshapen one is infinitely far.

    Args:
        got: from the server.
        wanted: from Keras.
        target_std: standard deviation of the target's training values, its unit.
    """
    shares = {
        name: _share(got.get(name), array, 1.0 if name in _UNITLESS else target_std) for name, array in wanted.items()
    }
    worst = max(shares, key=lambda name: shares[name])
    return Difference(worst, shares[worst])


def _share(got: NDArray[np.float32] | None, wanted: NDArray[np.float32], scale: float) -> float:
    if got is None or got.shape != wanted.shape or not np.isfinite(got).all():
        return float("inf")
    allowed = RELATIVE * scale + STEPS * np.spacing(np.abs(wanted).astype(np.float32)).astype(np.float64)
    return float(np.max(np.abs(got.astype(np.float64) - wanted.astype(np.float64)) / allowed))
