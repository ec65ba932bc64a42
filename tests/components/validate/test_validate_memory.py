"""Scoring takes the memory of a few columns of the forecasts, and not that of all of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

COLUMNS = 40
FEW, MANY = 100_000, 1_500_000

SCORE = """
import sys
from pathlib import Path
from components.journal import peak_memory_bytes
from components.validate.scores import score
from components.validate.stored import open_forecasts

assert len(score(open_forecasts(Path(sys.argv[1])), 0.9).models) > 30
print(peak_memory_bytes())
"""


def peak(rows: int, folder: Path) -> int:
    generator = np.random.default_rng(0)
    names = ["actual", "forecast", "lower", "upper", *(f"member_{number}" for number in range(COLUMNS - 4))]
    table = pd.DataFrame({name: generator.standard_normal(rows, np.float32) for name in names})
    path = folder / f"{rows}.parquet"
    table.assign(horizon=np.tile(np.array([1, 5], np.int32), rows // 2)).to_parquet(path)
    told = subprocess.run([sys.executable, "-c", SCORE, str(path)], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' /proc")
def test_scoring_holds_less_than_half_of_the_forecasts_beside_its_own_sums(tmp_path) -> None:
    assert peak(MANY, tmp_path) - peak(FEW, tmp_path) < 0.7 * (MANY - FEW) * COLUMNS * 4
