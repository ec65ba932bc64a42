"""Seconds and peak memory of each step for growing tables, and how fast both grow.

    python benchmarks/scale.py [--rows 781163,1000000,1500000] [--budget 3] [--members linear,rule_based]

Each size is a `sluice run` of its own on simulated readings of twelve columns. Training is given the same time at every
size, so its seconds say nothing here; its memory does. The exponent is the slope of log
seconds over log rows; growth is that of memory from the first size to the last.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

from components.journal import read_events
from components.train.registry import DEFAULT_MEMBERS

COLUMNS = 12
FLOAT_BYTES = 4
REFUSED = 3
Steps = dict[str, tuple[float, float]]


def main() -> None:
    """Prints a table of steps and sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="781163,1000000,1500000")
    parser.add_argument("--budget", type=float, default=3.0, help="minutes of all training, for each size")
    parser.add_argument("--members", default=",".join(DEFAULT_MEMBERS))
    options = parser.parse_args()
    sizes = [int(rows) for rows in options.rows.split(",")]
    measured: dict[int, Steps] = {}
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured[rows] = _run(rows, options.budget, options.members, Path(folder))
        print(f"{rows:,} rows: {sum(seconds for seconds, _ in measured[rows].values()):.0f} s in all steps", flush=True)
    _print(sizes, measured)
    print(json.dumps(measured))


def _run(rows: int, budget: float, members: str, folder: Path) -> Steps:
    readings = folder / "readings.parquet"
    _sluice("simulate", "reservoir", "--rows", str(rows), "--out", str(readings))
    own = ["--data", str(readings), "--out", str(folder / "run"), "--members", members, "--budget", str(budget)]
    _sluice("run", "reservoir", *own, "--json")
    return steps_of(folder / "run" / "work")


def _sluice(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pipelines", *arguments], capture_output=True, text=True)
    if done.returncode not in (0, REFUSED):
        raise SystemExit(f"sluice {' '.join(arguments)}: {done.stderr[-2000:]}")


def steps_of(work: Path) -> Steps:
    """Seconds and peak memory in MB of each step that has finished."""
    begun: dict[str, float] = {}
    steps: Steps = {}
    for event in read_events(str(work))[0]:
        if event["event"] == "started":
            begun[event["step"]] = event["at"]
        if event["event"] == "finished":
            steps[event["step"]] = (event["at"] - begun[event["step"]], event["peak_memory_bytes"] / 1e6)
    return steps


def _print(sizes: list[int], measured: dict[int, Steps]) -> None:
    first, last = sizes[0], sizes[-1]
    table = (last - first) * COLUMNS * FLOAT_BYTES / 1e6
    heads = "".join(f"{rows:>24,}" for rows in sizes)
    print(f"{'step':24}{heads}{'exponent (s)':>14}{'growth (MB)':>14}   table grows by {table:.0f} MB")
    for step in measured[first]:
        cells = "".join(f"{measured[rows][step][0]:12.1f} s{measured[rows][step][1]:7.0f} MB" for rows in sizes)
        growth = measured[last][step][1] - measured[first][step][1]
        print(f"{step:24}{cells}{_exponent(sizes, measured, step):14.2f}{growth:14.0f}")


def _exponent(sizes: list[int], measured: dict[int, Steps], step: str) -> float:
    first, last = sizes[0], sizes[-1]
    seconds = [max(measured[rows][step][0], 1e-3) for rows in (first, last)]
    return math.log(seconds[1] / seconds[0]) / math.log(last / first) if last != first else float("nan")


if __name__ == "__main__":
    main()
