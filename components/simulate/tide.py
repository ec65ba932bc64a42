"""The sea outside the gate: astronomical tide and surge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.simulate.storms import red_noise

# Period (hours; Schureman 1940, Manual of Harmonic Analysis, table 2) and amplitude (m; a meso-tidal coast).
CONSTITUENTS = {
    "M2": (12.4206012, 0.62),
    "S2": (12.0, 0.28),
    "K1": (23.9344697, 0.10),
    "O1": (25.8193417, 0.06),
}
MEAN_LEVEL_M = 0.95
_SURGE_M = 0.07
_SURGE_MEMORY_MINUTES = 600.0


def outer_level(hours: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Sea level in metres at `hours` since 1970 [rows], by the minute."""
    level = np.full(len(hours), MEAN_LEVEL_M)
    for period, amplitude in CONSTITUENTS.values():
        # Phases by place are fixed by the seed; by time they follow the hours since 1970.
        level += amplitude * np.cos(2 * np.pi * hours / period + rng.uniform(0, 2 * np.pi))
    return level + _SURGE_M * red_noise(len(hours), _SURGE_MEMORY_MINUTES, rng)
