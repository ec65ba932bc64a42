"""Errors on public tables within a stated budget, by the protocols under which others have published theirs.

    python benchmarks/accuracy.py FOLDER [--sets etth1,ettm1,walnut] [--budget 5] [--seeds 0,1,2]

FOLDER holds ETTh1.csv.gz, ETTm1.csv.gz and walnut_creek_5min.csv.gz. Each run is a `sluice run` of its own, from raw
readings; a line for each run, then the median of the seeds. ETT: MSE and MAE over all channels and windows of the test
part, in units of the training rows' standard deviation. Walnut Creek: Nash-Sutcliffe efficiency at each lead time, and
the forecast height of the highest reading relative to it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

DATASETS = Path(__file__).parent / "datasets"
FILES = {"etth1": "ETTh1.csv.gz", "ettm1": "ETTm1.csv.gz", "walnut": "walnut_creek_5min.csv.gz"}
# Training rows of the benchmark: twelve months of thirty days.
TRAINING_ROWS = {"etth1": 8640, "ettm1": 34560}
# `sluice run` ends with it where the gate has refused the candidate; its forecasts are there all the same.
REFUSED = 3


@dataclass(frozen=True)
class Run:
    """One run: its seconds, its peak memory, and figures by model."""

    seconds: float
    peak_memory_bytes: int
    figures: dict[str, dict[str, float]]


def main() -> None:
    """Prints a line for each run and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default=",".join(FILES))
    parser.add_argument("--budget", type=float, default=5.0, help="minutes of wall clock for all training")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, help="keeps the runs here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        for name in options.sets.split(","):
            runs = []
            for seed in map(int, options.seeds.split(",")):
                out = (options.out or Path(aside)) / f"{name}-{seed}"
                runs.append(_run(name, options.folder / FILES[name], options.budget, seed, out))
                _print(f"{name}, seed {seed}", runs[-1])
            if len(runs) > 1:
                _print_medians(name, runs)


def _run(name: str, data: Path, budget: float, seed: int, out: Path) -> Run:
    began = time.monotonic()
    command = [sys.executable, "-m", "pipelines", "run", str(DATASETS / f"{name}.yaml"), "--data", str(data)]
    settings = ["--budget", str(budget), "--seed", str(seed), "--out", str(out), "--json"]
    done = subprocess.run([*command, *settings], capture_output=True, text=True)
    if done.returncode not in (0, REFUSED):
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Run(seconds, peak, _figures(name, data, out / "forecasts.parquet"))


def _figures(name: str, data: Path, forecasts: Path) -> dict[str, dict[str, float]]:
    scale = _scales(data, TRAINING_ROWS[name]) if name in TRAINING_ROWS else None
    names = pq.read_schema(forecasts).names
    models = ["forecast", *(column for column in names if column.startswith(("member_", "baseline_")))]
    keys = pd.read_parquet(forecasts, columns=["series", "horizon", "actual"])
    figures = {}
    for model in models:
        error = pd.read_parquet(forecasts, columns=[model])[model] - keys["actual"]
        figures[model] = _scaled(error, keys["series"], scale) if scale is not None else _efficiency(error, keys)
    return figures


def _scales(data: Path, rows: int) -> pd.Series:
    return pd.read_csv(data).iloc[:rows, 1:].std(ddof=0)


def _scaled(error: pd.Series, series: pd.Series, scale: pd.Series) -> dict[str, float]:
    scaled = error / series.map(scale).astype(float)
    return {"MSE": float((scaled**2).mean()), "MAE": float(scaled.abs().mean())}


def _efficiency(error: pd.Series, keys: pd.DataFrame) -> dict[str, float]:
    """1 - squared errors / squared deviations from the mean (Nash and Sutcliffe, 1970), and the peak's height."""
    figures = {}
    for horizon, rows in keys.groupby("horizon").groups.items():
        actual, own = keys.loc[rows, "actual"], error.loc[rows]
        figures[f"NSE {horizon}"] = 1 - float((own**2).sum() / ((actual - actual.mean()) ** 2).sum())
        peak = actual.idxmax()
        # The highest forecast within an hour of the peak: its height counts here, its time in the report.
        near = actual.index[max(0, actual.index.get_loc(peak) - 12) : actual.index.get_loc(peak) + 13]
        figures[f"peak {horizon}"] = float((actual.loc[near] + own.loc[near]).max() / actual.loc[peak])
    return figures


def _print(title: str, run: Run) -> None:
    print(f"{title}: {run.seconds:.0f} s, {run.peak_memory_bytes / 1e9:.2f} GB in the largest process")
    for model, figures in run.figures.items():
        print(f"  {model:24}" + "".join(f"  {name} {value:.4f}" for name, value in figures.items()), flush=True)


def _print_medians(name: str, runs: list[Run]) -> None:
    print(f"{name}, median of {len(runs)} seeds")
    for model in runs[0].figures:
        middle = {
            figure: float(np.median([run.figures[model][figure] for run in runs])) for figure in runs[0].figures[model]
        }
        print(f"  {model:24}" + "".join(f"  {figure} {value:.4f}" for figure, value in middle.items()))
    print(json.dumps({name: [run.figures["forecast"] for run in runs]}))


if __name__ == "__main__":
    main()
