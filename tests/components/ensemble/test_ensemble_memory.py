"""Fitting weights takes memory in proportion to the members' errors; of what windows show, it holds a sample."""

import subprocess
import sys
from pathlib import Path

import pytest

MEMBERS, HORIZONS, SIGNALS = 6, 3, 110
FEW, MANY = 80_000, 480_000
BYTES_EACH = 4 * (MEMBERS * HORIZONS + HORIZONS)

FIT = f"""
import sys
import numpy as np
from components.ensemble import gating
from components.ensemble.evidence import Evidence
from components.ensemble.selection import Reach, choose_weights
from components.journal import peak_memory_bytes

gating.MOST_EPOCHS = 2
count = int(sys.argv[1])
noise = np.random.default_rng(0)
evidence = Evidence(
    errors=noise.standard_normal((count, {MEMBERS}, {HORIZONS}), np.float32),
    persistence=np.full((count, {HORIZONS}), 2.0, np.float32),
    signals=lambda rows: np.sin(np.float32(rows[:, None]) * np.arange(1, {SIGNALS} + 1, dtype=np.float32)),
    times=np.arange(count),
)
assert choose_weights(evidence, Reach(100, 60), seed=1).dynamic is not None
print(peak_memory_bytes())
"""


def peak(count: int) -> int:
    told = subprocess.run([sys.executable, "-c", FIT, str(count)], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' /proc")
def test_fitting_weights_holds_a_few_times_the_errors() -> None:
    # The signals of all windows alone would be five times the errors.
    assert peak(MANY) - peak(FEW) < 6 * (MANY - FEW) * BYTES_EACH
