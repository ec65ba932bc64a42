"""Training of one network member within its time budget: probes of the ways it may be trained, then the better one."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras

from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.windows import chunk_starts, origins
from components.train.checkpoint import Progress, content_key, load_checkpoint, save_checkpoint
from components.train.forecasts import PARTS
from components.train.loop import Interrupted, Recipe, Trainer, stop_asked
from components.train.network import Mode, Networks, Parts, Start, assemble
from components.train.registry import MEMBERS
from components.train.sampling import sampler_of
from components.train.scoring import BATCH, Asker, Score, Scorer
from components.train.task import Task

# Share of a member's budget spent on trying each of two ways of training before the better one goes on.
PROBE_SHARE = 0.15
CHECKPOINT_SECONDS = 10.0
# Forecasts take a little longer than a timed batch says: windows are read from disk, answers are written.
FORECAST_MARGIN = 1.15
# Training gets at least this share of the budget, however many windows are to be forecast afterwards.
LEAST_TRAINING_SHARE = 0.4


@dataclass(frozen=True)
class Job:
    """One network to train.

    Attributes:
        member: its name.
        series: the readings.
        task: what is forecast.
        start: the linear forecast from which it starts.
        recipe: how it is trained.
        seed: of weights and batches.
        seconds: wall clock for all ways of training together and for the forecasts afterwards.
        checkpoints: folder of checkpoints; None keeps none.
    """

    member: str
    series: Series
    task: Task
    start: Start
    recipe: Recipe
    seed: int
    seconds: float
    checkpoints: Path | None


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        networks: with the best weights.
        progress: of the way that was chosen.
        modes_tried: validation RMSE by way of training, in the target's unit, when the choice was made.
    """

    networks: Networks
    progress: Progress
    modes_tried: dict[str, float]


def train_network(job: Job, journal: Journal) -> Trained:
    """Trains a network; goes on from its checkpoint where there is one.

    Raises:
        Interrupted: on SIGTERM or SIGINT, after the checkpoint has been written.
    """
    run = _Run(job, journal)
    with stop_asked() as asked:
        run.stop = asked.is_set
        return run.train()


def checkpoint_path(job: Job) -> Path | None:
    """Where a job's checkpoint lies: keyed by all that its training depends on but the budget."""
    if job.checkpoints is None:
        return None
    content = {
        "series": job.series.digest,
        "member": job.member,
        "seed": job.seed,
        "task": json.loads(job.task.to_json()),
        "recipe": asdict(job.recipe),
    }
    return job.checkpoints / content_key(**content) / "checkpoint.npz"


def ways_of_training(series: Series, task: Task, parts: Parts, start: Start) -> tuple[Mode, ...]:
    """Chunks and windows for a causal member whose training part holds a chunk, else windows alone."""
    if not parts.causal:
        return ("windows",)
    rows = max(task.window // 2, start.ridge.rows) + task.window - 1
    return ("chunks", "windows") if len(chunk_starts(series, rows, task.horizons, stride=1)) else ("windows",)


class _Run:
    """The state of one call of `train_network`."""

    stop: Callable[[], bool]

    def __init__(self, job: Job, journal: Journal) -> None:
        self.job, self.journal = job, journal
        self.path = checkpoint_path(job)
        self.runs = load_checkpoint(self.path) if self.path else {}
        if self.runs:
            steps = sum(run.step for run in self.runs.values())
            journal.note(f"goes on from its checkpoint, after {steps} steps")
        self.began = self.saved_at = time.monotonic()
        self.scorer = Scorer(job.series, job.task, job.start.ridge)

    def train(self) -> Trained:
        job = self.job
        modes = ways_of_training(job.series, job.task, self._parts(), job.start)
        trainers = {mode: self._trainer(mode) for mode in modes}
        self.seconds = self._training_seconds(trainers[modes[0]].asker)
        probe = PROBE_SHARE * self.seconds if len(modes) > 1 else 0.0
        tried = {mode: self._probe(trainers[mode], probe) for mode in modes if probe}
        chosen: Mode = min(tried, key=lambda mode: tried[mode]["validation_loss"]) if tried else modes[0]
        trainer = trainers[chosen]
        self._go_on(trainer, self.seconds - probe * (len(modes) - 1))
        trainer.use_best()
        errors: dict[str, float] = {mode: line["validation_rmse"] for mode, line in tried.items()}
        return Trained(trainer.networks, trainer.progress, errors or {chosen: _best(trainer.progress.history)})

    def _probe(self, trainer: Trainer, seconds: float) -> dict[str, float]:
        """The best score within the probe's time, so that a resumed run chooses as the first one did."""
        if trainer.progress.seconds < seconds:
            self._go_on(trainer, seconds)
        history = trainer.progress.history
        within = [line for line in history if line["seconds"] <= 1.25 * seconds]
        return min(within or history, key=lambda line: line["validation_loss"])

    def _go_on(self, trainer: Trainer, until: float) -> None:
        trainer.run(until, self._after_step)
        self._save(trainer)

    def _trainer(self, mode: Mode) -> Trainer:
        job = self.job
        keras.utils.set_random_seed(job.seed)
        networks = assemble(job.task, self._parts(), job.start, mode)
        sampler = sampler_of(job.series, job.task, job.start, networks)
        trainer = Trainer(networks, job.task, sampler, self.scorer, job.recipe, job.seed)
        trainer.trace()
        if mode in self.runs:
            trainer.restore(self.runs[mode])
        self.runs[mode] = trainer.progress
        return trainer

    def _training_seconds(self, asker: Asker) -> float:
        """What is left for training once forecasts of all validation and test windows are set aside."""
        series, task = self.job.series, self.job.task
        windows = sum(len(origins(series, part, task.window, task.horizons)) for part in PARTS)
        rows = self.scorer.rows[:BATCH]
        asker(rows)
        began = time.monotonic()
        asker(rows)
        each = (time.monotonic() - began) / BATCH
        spent = time.monotonic() - self.began + FORECAST_MARGIN * windows * each
        return max(self.job.seconds - spent, LEAST_TRAINING_SHARE * self.job.seconds)

    def _after_step(self, trainer: Trainer, score: Score | None) -> None:
        if score is not None:
            note = f"{trainer.networks.mode}, RMSE {score.rmse:.4g} (persistence {score.persistence_rmse:.4g})"
            self.journal.progress(min(self._spent(), self.seconds), self.seconds, note)
        if self.stop():
            self._save(trainer)
            raise Interrupted(f"training of {self.job.member} stopped; the same command goes on from its checkpoint")
        if time.monotonic() - self.saved_at >= CHECKPOINT_SECONDS:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        self.saved_at = time.monotonic()
        if self.path is None or not trainer.progress.step:
            return
        trainer.snapshot()
        save_checkpoint(self.path, {mode: run for mode, run in self.runs.items() if run.weights})

    def _spent(self) -> float:
        return sum(run.seconds for run in self.runs.values())

    def _parts(self) -> Parts:
        module: Any = importlib.import_module(MEMBERS[self.job.member].module)
        parts: Parts = module.parts(self.job.task)
        return parts


def _best(history: list[dict[str, float]]) -> float:
    return min(history, key=lambda line: line["validation_loss"])["validation_rmse"]
