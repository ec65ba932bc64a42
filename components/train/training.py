"""Training of one network member within its budget: probes of the ways it may be trained, then the better one."""

from __future__ import annotations

import gc
import importlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.windows import chunk_starts, origins
from components.train.architecture_reader import architecture_of
from components.train.checkpoint import Progress, content_key, load_checkpoint, save_checkpoint
from components.train.device_report import DeviceReport, report_of
from components.train.forecasts import PARTS
from components.train.gradient_step import out_of_memory
from components.train.loop import Interrupted, Trainer, stop_asked
from components.train.memory import largest_micro_batch
from components.train.memory_room import step_room_bytes
from components.train.network import Mode, Networks, Parts, Start, assemble
from components.train.pace import Stretch
from components.train.precision import Precision, layers_in
from components.train.recipe import Recipe
from components.train.registry import MEMBERS
from components.train.replay import replay_sampler_of
from components.train.sampling import Sampler, sampler_of
from components.train.scoring import BATCH, Asker, Score, Scorer
from components.train.stall import aborted_when_stalled
from components.train.task import Task
from components.train.under_way import TrainingNote
from components.train.warm_start import WarmStart

# Share of a member's budget spent on trying each of two ways of training before the better one goes on.
PROBE_SHARE = 0.15
# The last part of a training on chunks goes over windows from a zero state, as they are served, at a lower rate. Error
# relative to persistence's after 100 s on 78,116 simulated rows, stacked LSTM: .369 without, .349 with a quarter of the
# time, .353 with half.
REFINING_SHARE = 0.25
REFINING_RATE = 1 / 3
CHECKPOINT_SECONDS = 10.0
# Forecasts take a little longer than a timed batch says: windows are read from disk, answers are written.
FORECAST_MARGIN = 1.15
# Without a deadline training gets at least this share of the budget, however many windows are forecast afterwards.
LEAST_TRAINING_SHARE = 0.4
CHECKPOINT_FILE = "checkpoint.npz"


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
        closes_at: epoch seconds by which the forecasts, too, must be done; 0 for never.
        memory_bytes: memory for a training step; 0 for half of what is free.
        micro_batch: most windows or chunks at once; 0 for as many as fit.
        threads: threads of each operation, for the report.
        warm: the champion's member from which it goes on, with its task and start; None for fresh weights.
    """

    member: str
    series: Series
    task: Task
    start: Start
    recipe: Recipe
    seed: int
    seconds: float
    checkpoints: Path | None
    closes_at: float = 0.0
    memory_bytes: int = 0
    micro_batch: int = 0
    threads: int = 1
    warm: WarmStart | None = None


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        networks: with the best weights.
        progress: of the way that was chosen.
        modes_tried: validation RMSE by way of training, in the target's unit, when the choice was made.
        report: how the device was used.
    """

    networks: Networks
    progress: Progress
    modes_tried: dict[str, float]
    report: DeviceReport


def train_network(job: Job, journal: Journal) -> Trained:
    """Trains a network; goes on from its checkpoint where there is one.

    Raises:
        Interrupted: on SIGTERM or SIGINT, after the checkpoint has been written.
        InputError: there is too little memory for a single window.
    """
    watch = aborted_when_stalled(journal.note)
    with tempfile.TemporaryDirectory() as passing, stop_asked() as asked, watch:
        run = _Run(job, journal, checkpoint_path(job) or Path(passing) / CHECKPOINT_FILE, asked.is_set)
        try:
            return run.train()
        finally:
            run.note.cross_out()


def checkpoint_path(job: Job) -> Path | None:
    """Where a job's checkpoint lies: keyed by all that its training depends on but the budget.

    A smaller micro-batch goes on from it, as the step is the same; but not to the last bit.
    """
    if job.checkpoints is None:
        return None
    content = {
        "series": job.series.digest,
        "member": job.member,
        "seed": job.seed,
        "task": json.loads(job.task.to_json()),
        "recipe": asdict(job.recipe),
        **({} if job.warm is None else {"warm": job.warm.digest}),
        **({"micro_batch": job.micro_batch} if job.micro_batch and job.recipe.deterministic else {}),
    }
    return job.checkpoints / content_key(**content) / CHECKPOINT_FILE


def ways_of_training(series: Series, task: Task, parts: Parts, start: Start) -> tuple[Mode, ...]:
    """Chunks and windows for a causal member whose training part holds a chunk, else windows alone; or segments.

    In a chunk no row knows where its own window begins, so windows with a unit of their own are never in one.
    """
    if task.segment > 1:
        return ("segments",)
    if not parts.causal or task.own_unit:
        return ("windows",)
    rows = max(task.window // 2, start.ridge.rows) + task.window - 1
    return ("chunks", "windows") if len(chunk_starts(series, rows, task.horizons, stride=1)) else ("windows",)


class _Run:
    """The state of one call of `train_network`."""

    def __init__(self, job: Job, journal: Journal, path: Path, stop: Callable[[], bool]) -> None:
        self.job, self.journal, self.path, self.stop = job, journal, path, stop
        path.parent.mkdir(parents=True, exist_ok=True)
        self.began = self.saved_at = time.monotonic()
        self.runs = load_checkpoint(path)
        if self.runs:
            steps = sum(run.step for run in _apart(self.runs))
            journal.note(f"goes on from its checkpoint, after {steps} steps")
        self.note = TrainingNote(path.parent)
        self.scorer = Scorer(job.series, job.task, job.start.ridge)
        self.closes_at = job.closes_at
        self._tell(self.note.took_over())

    def train(self) -> Trained:
        job = self.job
        modes = self._modes()
        trainers = {mode: self._trainer(mode) for mode in modes}
        forecasts = self._forecast_seconds(trainers[modes[0]].asker)
        self.total = float(job.recipe.steps) or self._training_seconds(forecasts)
        self.closes_at = max(job.closes_at - forecasts, 1.0) if job.closes_at else 0.0
        probe = self._probe_length(len(modes))
        tried = {mode: self._probe(trainers[mode], probe) for mode in modes if probe}
        chosen: Mode = min(tried, key=lambda mode: tried[mode]["validation_loss"]) if tried else modes[0]
        trainer, end = trainers[chosen], self.total - probe * (len(modes) - 1)
        refining = self._refining_length(trainer.networks, end - probe)
        self._go_on(trainer, self._stretch(probe, end - refining))
        if refining:
            trainer = self._refined(trainer)
            self._go_on(trainer, self._stretch(end - refining, end))
        errors: dict[str, float] = {mode: line["validation_rmse"] for mode, line in tried.items()}
        return Trained(
            self._best_networks(trainer, chosen),
            trainer.progress,
            errors or {chosen: _best(trainer.progress.history)},
            report_of(trainer.progress, trainers[chosen].micro_batch, job.recipe.precision, job.threads),
        )

    def _modes(self) -> tuple[Mode, ...]:
        job = self.job
        if job.warm is not None:
            return (job.warm.mode,)
        return ways_of_training(job.series, job.task, self._parts("float32"), job.start)

    def _probe_length(self, modes: int) -> float:
        if modes == 1:
            return 0.0
        return max(1.0, round(PROBE_SHARE * self.total)) if self.job.recipe.steps else PROBE_SHARE * self.total

    def _refining_length(self, networks: Networks, length: float) -> float:
        if networks.refining is None:
            return 0.0
        return float(round(REFINING_SHARE * length)) if self.job.recipe.steps else REFINING_SHARE * length

    def _refined(self, trainer: Trainer) -> Trainer:
        """The trainer of the last part: the same weights on windows."""
        job, networks = self.job, trainer.networks.refined()
        recipe = replace(job.recipe, learning_rate=REFINING_RATE * job.recipe.learning_rate)
        refined = Trainer(networks, job.task, self._sampler(networks), self.scorer, recipe, job.seed)
        refined.follow(trainer)
        return self._begun(refined)

    def _probe(self, trainer: Trainer, length: float) -> dict[str, float]:
        """The best score within the probe, so that a resumed run chooses as the first one did."""
        stretch = self._stretch(0.0, length)
        if not stretch.over(trainer.progress.seconds, trainer.progress.step) or not trainer.progress.history:
            self._go_on(trainer, stretch)
        history = trainer.progress.history
        slack = 1.25 if stretch.unit == "seconds" else 1.0
        within = [line for line in history if stretch.spent(line["seconds"], int(line["step"])) <= slack * length]
        return min(within or history, key=lambda line: line["validation_loss"])

    def _stretch(self, begin: float, end: float) -> Stretch:
        recipe = self.job.recipe
        return Stretch("steps" if recipe.steps else "seconds", begin, end, recipe.score_share, self.closes_at)

    def _go_on(self, trainer: Trainer, stretch: Stretch) -> None:
        self._within_memory(trainer, lambda: trainer.run(stretch, self._after_step))
        self._save(trainer)

    def _within_memory(self, trainer: Trainer, train: Callable[[], None]) -> None:
        """Trains; for want of memory goes on from the checkpoint with half the micro-batch, as often as it takes."""
        mode = trainer.networks.mode
        while True:
            self.note.begin(mode, trainer.micro_batch, trainer.progress.step)
            try:
                return train()
            except Exception as error:
                if not out_of_memory(error):
                    raise
            # Only now, with the error and its frames gone, is what they held free.
            gc.collect()
            before, trainer.micro_batch = trainer.micro_batch, self.note.too_large(mode, trainer.micro_batch)
            self._tell(f"out of memory with micro-batches of {before}: going on with {trainer.micro_batch}")
            self._restore(trainer, load_checkpoint(self.path)[mode])

    def _trainer(self, mode: Mode) -> Trainer:
        job = self.job
        keras.utils.set_random_seed(job.seed)
        networks = assemble(job.task, self._parts(job.recipe.precision), job.start, mode)
        if job.warm is not None:
            job.warm.give(networks.serving)
        return self._begun(Trainer(networks, job.task, self._sampler(networks), self.scorer, job.recipe, job.seed))

    def _sampler(self, networks: Networks) -> Sampler:
        job = self.job
        if job.warm is None:
            return sampler_of(job.series, job.task, job.start, networks)
        return replay_sampler_of(job.series, job.warm, networks)

    def _begun(self, trainer: Trainer) -> Trainer:
        """A trainer at its checkpoint, where there is one, its step compiled."""
        trainer.micro_batch = self._micro_batch(trainer)
        saved = self.runs.pop(trainer.networks.mode, None)
        if saved is not None and not trainer.fits(saved):
            self._tell("the checkpoint is of another network: beginning anew")
        self._restore(trainer, saved if saved is not None and trainer.fits(saved) else trainer.snapshot())
        self._save(trainer)
        self._within_memory(trainer, lambda: self._traced(trainer))
        return trainer

    def _traced(self, trainer: Trainer) -> None:
        trainer.trace()
        self.runs[trainer.networks.mode] = trainer.progress
        self.note.stepped(trainer.progress.step)

    def _restore(self, trainer: Trainer, progress: Progress) -> None:
        trainer.restore(progress)
        self.runs[trainer.networks.mode] = progress

    def _micro_batch(self, trainer: Trainer) -> int:
        """As many windows or chunks as fit at once; the same bits need the same number at every try."""
        mode, most = trainer.networks.mode, self.note.most
        if self.job.recipe.deterministic and mode in most:
            return min(most[mode], trainer.batch)
        room = step_room_bytes(self.job.memory_bytes)
        asked = min(self.job.micro_batch or trainer.batch, trainer.batch)
        fits = largest_micro_batch(architecture_of(trainer.model, self.job.member), room, asked)
        chosen = min(fits, most.get(mode, fits))
        if self.job.recipe.deterministic:
            most[mode] = chosen
        if chosen < trainer.batch:
            self._tell(f"{mode}: micro-batches of {chosen} for batches of {trainer.batch}")
        return chosen

    def _forecast_seconds(self, asker: Asker) -> float:
        """How long the forecasts of all validation and test windows will take."""
        series, task = self.job.series, self.job.task
        windows = sum(len(origins(series, part, task.window, task.horizons)) for part in PARTS)
        rows = self.scorer.rows[:BATCH]
        asker(rows)
        began = time.monotonic()
        asker(rows)
        return FORECAST_MARGIN * windows * (time.monotonic() - began) / BATCH

    def _training_seconds(self, forecasts: float) -> float:
        left = self.job.seconds - (time.monotonic() - self.began) - forecasts
        return max(left, 0.0 if self.job.closes_at else LEAST_TRAINING_SHARE * self.job.seconds)

    def _after_step(self, trainer: Trainer, score: Score | None) -> None:
        if score is not None:
            note = f"{trainer.networks.mode}, RMSE {score.rmse:.4g} (persistence {score.persistence_rmse:.4g})"
            self.journal.progress(min(self._spent(), self.total), self.total, note)
        if self.stop():
            self._save(trainer)
            raise Interrupted(f"training of {self.job.member} stopped; the same command goes on from its checkpoint")
        if self.note.first or time.monotonic() - self.saved_at >= CHECKPOINT_SECONDS:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.snapshot()
        save_checkpoint(self.path, self.runs)
        self.saved_at = time.monotonic()
        self.note.stepped(trainer.progress.step)

    def _spent(self) -> float:
        return sum(run.step if self.job.recipe.steps else run.seconds for run in _apart(self.runs))

    def _best_networks(self, trainer: Trainer, chosen: Mode) -> Networks:
        """The networks with their best weights, in float32: what serves may have no half precision."""
        if self.job.recipe.precision == "float32":
            trainer.use_best()
            return replace(trainer.networks, mode=chosen)
        networks = assemble(self.job.task, self._parts("float32"), self.job.start, chosen)
        own = networks.refined() if trainer.networks.mode == "refined" else networks
        own.training.set_weights(trainer.progress.best)
        return networks

    def _parts(self, precision: Precision) -> Parts:
        module: Any = importlib.import_module(MEMBERS[self.job.member].module)
        with layers_in(precision):
            parts: Parts = module.parts(self.job.task)
        return parts

    def _tell(self, text: str) -> None:
        if text:
            self.journal.note(text)


def _apart(runs: Mapping[str, Progress]) -> list[Progress]:
    """The runs without the one whose steps and seconds another one counts on."""
    return [run for mode, run in runs.items() if mode != "chunks" or "refined" not in runs]


def _best(history: list[dict[str, float]]) -> float:
    return min(history, key=lambda line: line["validation_loss"])["validation_rmse"]
