"""Training targets per second of the stacked LSTM, on chunks and on single windows, and the error that each reaches.

    python benchmarks/training.py [--seconds 40] [--rows 20000]

Both start from the same weights and the last value, on the same simulated readings, one after the other in one
process on one thread, for equal wall clock.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.dataset.load import load_preset
from components.dataset.schema import Dataset
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.step import PrepareRequest, prepare_series
from components.preprocess.storage import load_series
from components.simulate.reservoir import simulate_reservoir
from components.train.loop import Trainer
from components.train.members import stacked_lstm
from components.train.network import Mode, Start, assemble
from components.train.pace import Stretch
from components.train.recipe import Recipe
from components.train.ridge import Ridge, block_layout, feature_count
from components.train.sampling import sampler_of
from components.train.scoring import Scorer
from components.train.start import start_of
from components.train.task import Task


@dataclass(frozen=True)
class Measured:
    """What one way of training did in its time."""

    mode: Mode
    targets_per_second: float
    steps: int
    relative_error: float


def main() -> None:
    """Prints one line per way of training, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0, help="for each way")
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    dataset = load_preset("reservoir")
    with tempfile.TemporaryDirectory() as folder:
        series = prepared(dataset, options.rows, Path(folder))
        task = Task.of(dataset, series)
        chunks, windows = (_measured(mode, series, task, options.seconds) for mode in ("chunks", "windows"))
    for each in (chunks, windows):
        print(
            f"stacked_lstm on {each.mode:<8} {each.targets_per_second:>10,.0f} targets/s {each.steps:>6} steps"
            f"   validation error {each.relative_error:.3f} of persistence's"
        )
    print(f"chunks / windows: {chunks.targets_per_second / windows.targets_per_second:.1f} times the targets a second")


def prepared(dataset: Dataset, rows: int, folder: Path) -> Series:
    """Simulated readings, ingested and prepared in the folder."""
    readings = simulate_reservoir(rows, datetime(2025, 6, 1, tzinfo=UTC), seed=0)
    readings.to_csv(folder / "readings.csv", index=False)
    silent = Journal("", "benchmark")
    request = IngestRequest(dataset, str(folder / "readings.csv"), folder / "readings", folder / "quarantine")
    ingest_readings(request, silent)
    prepare_series(PrepareRequest(dataset, folder / "readings", folder / "series"), silent)
    return load_series(folder / "series")


def _measured(mode: Mode, series: Series, task: Task, seconds: float) -> Measured:
    keras.utils.set_random_seed(0)
    start = _from_last_value(series, task)
    networks = assemble(task, stacked_lstm.parts(task), start, mode)
    scorer = Scorer(series, task, start.ridge)
    trainer = Trainer(networks, task, sampler_of(series, task, start, networks), scorer, Recipe(), seed=0)
    trainer.trace()
    trainer.run(Stretch("seconds", 0.0, seconds, Recipe().score_share), lambda *_: None)
    progress = trainer.progress
    return Measured(mode, progress.targets / progress.training_seconds, progress.step, progress.best_error)


def _from_last_value(series: Series, task: Task) -> Start:
    """A start without a linear forecast, so that the error shows what the network alone has learnt."""
    layout, horizons = block_layout(task, look_back=2), len(task.horizons)
    kernel = np.zeros((2, feature_count(task, layout), horizons))
    ahead = np.zeros((len(task.future_steps) * len(task.known), horizons))
    return start_of(series, task, Ridge(layout, kernel, ahead, np.zeros(horizons), (2,) * horizons, (), 0.0))


if __name__ == "__main__":
    main()
