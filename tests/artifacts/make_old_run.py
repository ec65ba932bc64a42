"""Makes the run folder that `test_old_run.py` loads: `python tests/artifacts/make_old_run.py VERSION`.

Made once for each released version and kept as it is: a small pond, two members, seconds of training.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

DATASET = """
name: pond
time: time
step: 10min
columns:
  rain: {unit: mm, limits: [0, 100], missing: {fill: zero, max_gap: 6}}
  level: {unit: m, limits: [-1, 10]}
target: level
window: 24
horizons: [1, 6]
rules:
  - {when: "rain > 8", for: 2, then: {min: 0.0}}
gate: {skill_persistence: -9, skill_linear: -9, spike_recall: 0, coverage_tolerance: 0.9, latency_ms: 60000}
"""


def main(version: str) -> None:
    """Runs the pipeline and keeps what a later version must still load."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pond.yaml").write_text(DATASET)
        readings = _pond(3000)
        readings.to_csv(folder / "pond.csv", index=False)
        command = [sys.executable, "-m", "pipelines", "run", "pond.yaml", "--data", "pond.csv", "--out", "out"]
        subprocess.run([*command, "--members", "linear,rule_based", "--budget", "0.3"], cwd=folder, check=True)
        _keep(folder / "out", readings, Path(__file__).parent / f"sluice-{version}")


def _keep(out: Path, readings: pd.DataFrame, kept: Path) -> None:
    from serving.local.servable import load_servable

    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    shutil.copytree(out / "store", kept / "store", ignore=shutil.ignore_patterns(".lock", "models.config"))
    for file in ("metrics.json", "forecasts.parquet"):
        shutil.copy(out / file, kept / file)
    columns = readings[["rain", "level"]].to_numpy(np.float32)
    window = np.stack([columns[row : row + 24] for row in (100, 1500, 2900)])
    answers = load_servable("pond", 1, kept / "store" / "pond" / "1").answer({"window": window})
    np.savez(kept / "asked.npz", window=window, target_std=columns[:2100, 1].std(), **answers)


def _pond(rows: int) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    rain = np.where(generator.random(rows) < 0.05, generator.gamma(2.0, 2.0, rows), 0.0).round(2)
    level = np.zeros(rows)
    for row in range(1, rows):
        pumped = 0.1 if level[row - 1] > 0.6 else 0.0
        level[row] = max(0.99 * level[row - 1] + 0.03 * rain[row - 1] - pumped, 0.0)
    stamps = pd.date_range("2025-01-01", periods=rows, freq="10min")
    return pd.DataFrame({"time": stamps, "rain": rain, "level": level.round(4)})


if __name__ == "__main__":
    main(sys.argv[1])
