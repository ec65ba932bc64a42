"""Trains in a process whose address space is limited: `python limited_training.py FOLDER EXTRA_MB BELIEVED_MB`.

With BELIEVED_MB the training thinks that it has so much, and the limit is set once the network has answered, so that it
bounds the steps alone; with 0 it is set before, and the training looks for itself.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from components.dataset.load import parse_dataset
from components.journal import Journal
from components.preprocess.storage import load_series
from components.train import training
from components.train.loop import Trainer
from components.train.recipe import Recipe
from components.train.ridge import fit_ridge, start_layout
from components.train.runtime import Runtime, prepare
from components.train.start import start_of
from components.train.task import Task

BATCH = 32768


def main(folder: Path, extra_bytes: int, believed_bytes: int) -> None:
    """Trains five steps and writes the micro-batch with which they were done."""
    prepare(Runtime(threads=1, deterministic=True), 0)
    dataset = parse_dataset((folder / "river.yaml").read_text(), "river.yaml")
    series = load_series(folder / "series")
    task = Task.of(dataset, series)
    start = start_of(series, task, fit_ridge(series, task, start_layout(task, 6)))
    traced = Trainer.trace

    def limited(trainer: Trainer) -> None:
        limit(extra_bytes)
        traced(trainer)

    if believed_bytes:
        Trainer.trace = limited  # type: ignore[method-assign]
    else:
        limit(extra_bytes)
    recipe = Recipe(windows=BATCH, chunks=BATCH // 16, steps=5)
    job = training.Job(
        "rule_based", series, task, start, recipe, 0, 60.0, folder / "checkpoints", memory_bytes=believed_bytes
    )
    trained = training.train_network(job, Journal(str(folder), "train rule_based"))
    print(f"done with micro-batches of {trained.report.micro_batch} at step {trained.progress.step}")


def limit(extra_bytes: int) -> None:
    """Bounds the address space to what is held and so much more, once."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + extra_bytes, held + extra_bytes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) * 10**6, int(sys.argv[3]) * 10**6)
