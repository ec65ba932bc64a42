"""Seconds and peak memory of each step for growing tables, and how fast both grow.

    python benchmarks/scale.py [--rows 781163,1000000,1500000] [--budget 3] [--members linear,rule_based]

Each size is a `sluice run` of its own on simulated readings of twelve columns, with the members that the size has by
default. Training is given the same time at every size, so its seconds say nothing here; its memory does. The exponent
is the slope of log seconds over log rows, growth that of memory, from the first size that has the step to the last.
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

COLUMNS = 12
PREPARED_BYTES = 4 * COLUMNS
# Numbers of eight bytes, and a stamp.
READ_BYTES = 8 * (COLUMNS + 1)
REFUSED = 3
Steps = dict[str, tuple[float, float]]


def main() -> None:
    """Prints a table of steps and sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="781163,1000000,1500000")
    parser.add_argument("--budget", type=float, default=3.0, help="minutes of all training, for each size")
    parser.add_argument("--members", help="the same at every size  [the size's default]")
    options = parser.parse_args()
    sizes = [int(rows) for rows in options.rows.split(",")]
    measured: dict[int, Steps] = {}
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured[rows] = _run(rows, options.budget, options.members, Path(folder))
        print(f"{rows:,} rows: {sum(seconds for seconds, _ in measured[rows].values()):.0f} s in all steps", flush=True)
    _print(sizes, measured)
    print(json.dumps(measured))


def _run(rows: int, budget: float, members: str | None, folder: Path) -> Steps:
    readings = folder / "readings.parquet"
    _sluice("simulate", "reservoir", "--rows", str(rows), "--out", str(readings))
    own = ["--data", str(readings), "--out", str(folder / "run"), "--budget", str(budget)]
    _sluice("run", "reservoir", *own, "--json", *(["--members", members] if members else []))
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
    more = sizes[-1] - sizes[0]
    prepared, read = more * PREPARED_BYTES / 1e6, more * READ_BYTES / 1e6
    heads = "".join(f"{rows:>24,}" for rows in sizes)
    print(f"The table grows by {prepared:.0f} MB as prepared, by {read:.0f} MB as read.")
    print(f"{'step':24}{heads}{'exponent (s)':>14}{'growth (MB)':>14}")
    for step in dict.fromkeys(step for rows in sizes for step in measured[rows]):
        cells = "".join(_cell(measured[rows].get(step)) for rows in sizes)
        print(f"{step:24}{cells}{_growth({rows: measured[rows][step] for rows in sizes if step in measured[rows]})}")


def _cell(figures: tuple[float, float] | None) -> str:
    return f"{figures[0]:12.1f} s{figures[1]:7.0f} MB" if figures else " " * 24


def _growth(figures: dict[int, tuple[float, float]]) -> str:
    """Exponent of seconds, and MB gained."""
    first, last = min(figures), max(figures)
    if first == last:
        return ""
    (seconds, memory), (seconds_last, memory_last) = figures[first], figures[last]
    exponent = math.log(max(seconds_last, 1e-3) / max(seconds, 1e-3)) / math.log(last / first)
    return f"{exponent:14.2f}{memory_last - memory:14.0f}"


if __name__ == "__main__":
    main()
