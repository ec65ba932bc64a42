"""The train step of one fold: a member, from the shared series to its forecasts of the fold's block."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from components.cross_validate.folds import Fold, fold_series
from components.cross_validate.shared_series import link_series
from components.dataset.schema import Dataset
from components.journal import Journal
from components.preprocess.storage import load_series
from components.train.step import MemberSummary, TrainRequest, train_member
from components.train.wishes import StepWishes

TRAINING_FILE = "training.json"


@dataclass(frozen=True)
class Training:
    """One training of a cross-validation, as the pipeline's loop lists it.

    Attributes:
        member: name in the registry.
        fold: number of the fold, from 1.
        experiment: 0 for the cross-validation itself; others train again otherwise.
        seed: of weights and batches.
        window: rows of a window; 0 for the dataset's.
        budget_seconds: wall clock for this training, its forecasts included.
    """

    member: str
    fold: int
    experiment: int
    seed: int
    window: int
    budget_seconds: float

    @property
    def name(self) -> str:
        """As journal and screen call it."""
        again = f" experiment {self.experiment}" if self.experiment else ""
        return f"train {self.member} fold {self.fold}{again}"

    def dataset(self, dataset: Dataset) -> Dataset:
        """The dataset with this training's window."""
        return dataset.model_copy(update={"window": self.window}) if self.window else dataset


@dataclass(frozen=True)
class FoldRequest:
    """What to train.

    Attributes:
        dataset: what is forecast.
        series: folder of the prepared series, shared by all folds.
        training: which member on which fold.
        folds: how many there are.
        work: folder under which checkpoints lie; None keeps none.
        out: folder for the member.
        wishes: how a step is done, where somebody says so.
    """

    dataset: Dataset
    series: Path
    training: Training
    folds: int
    work: Path | None
    out: Path
    wishes: StepWishes = field(default_factory=StepWishes)


def train_fold(request: FoldRequest, journal: Journal) -> MemberSummary:
    """Trains the member on the fold's training part; its forecasts of the part `test` are those of the block.

    Raises:
        InputError: no such member or fold, or too few readings for it.
    """
    training = request.training
    dataset = training.dataset(request.dataset)
    fold = Fold(training.fold, request.folds)
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "series"
        link_series(fold_series(dataset, load_series(request.series), fold), request.series, own)
        summary = train_member(
            TrainRequest(
                dataset=dataset,
                series=own,
                member=training.member,
                budget_seconds=training.budget_seconds,
                seed=training.seed,
                # Checkpoints go by the series' digest, which is the fold's own.
                work=request.work,
                out=request.out,
                wishes=request.wishes,
            ),
            journal,
        )
    (request.out / TRAINING_FILE).write_text(json.dumps(vars(training)), encoding="utf-8")
    return summary
