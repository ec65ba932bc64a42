"""Simulated readings as the first step of a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from components.journal import Journal
from components.simulate.write import write_simulation
from pipelines.run.digests import code_revision, data_digest, run_key
from pipelines.run.folder import read_record, write_record

# Local time. Any start in the season of storms does; a fixed one makes the same readings every time.
START = datetime(2025, 6, 1)


def simulated_readings(preset: str, rows: int, seed: int) -> Callable[[Path, Path], None]:
    """A function that writes readings to a path and tells the journal in a work folder."""

    def write(path: Path, work: Path) -> None:
        made = work / "simulated.json"
        key = run_key({"preset": preset, "rows": rows, "seed": seed, "revision": code_revision()})
        if path.is_file() and read_record(made) == {"key": key, "digest": data_digest(str(path))}:
            return
        with Journal(str(work), "simulate").step_events() as journal:
            summary = write_simulation(preset, rows, START, seed, path)
            journal.finished(
                rows=summary.rows, columns=summary.columns, first=str(summary.first), last=str(summary.last)
            )
        write_record(made, {"key": key, "digest": data_digest(str(path))})

    return write
