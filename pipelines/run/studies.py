"""What `sluice cross-validate` and `sluice search-weights` ask for, as studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.cross_validate.train_fold import Training
from components.dataset.load import dump_dataset, parse_dataset
from components.dataset.schema import Dataset
from components.errors import InputError
from pipelines.run.asked import check_runner, check_text
from pipelines.run.digests import code_revision, data_digest
from pipelines.run.study import Study, recall
from pipelines.run.trainings import as_items, experiment_trainings

ASKED_FILE = "cross_validate.json"
FOLDS_FOLDER = "cross_validation"
MADE_BY = "sluice cross-validate"
# kfp.local runs no more iterations of a loop at once; a cluster runs as many as its profile says.
MOST_AT_ONCE = 2
_FOLDS_OUTPUTS = {
    "metrics": f"{FOLDS_FOLDER}.json",
    "folds": FOLDS_FOLDER,
    "report": f"{FOLDS_FOLDER}.html",
}
_SEARCH_OUTPUTS = {
    "search_metrics": "weights.json",
    "weights": "weight_search",
    "search_report": "weight_search.html",
}


@dataclass(frozen=True)
class FoldsAsked:
    """A cross-validation.

    Attributes:
        dataset: the dataset file.
        data: path, folder or SQL URL of the readings.
        out: the run's folder.
        trainings: all of them.
        folds: how many folds there are.
        at_once: trainings side by side.
        runner: `subprocess` or `docker`.
    """

    dataset: Dataset
    data: str
    out: Path
    trainings: tuple[Training, ...]
    folds: int
    at_once: int
    runner: str

    def facts(self) -> dict[str, object]:
        """As they are kept in the run's folder, for a search that trains again."""
        return {
            "dataset": dump_dataset(self.dataset),
            "data": self.data,
            "trainings": as_items(self.trainings),
            "folds": self.folds,
            "at_once": self.at_once,
            "runner": self.runner,
        }


def recall_folds(out: Path) -> FoldsAsked:
    """The cross-validation that was asked of a run's folder.

    Raises:
        InputError: none was.
    """
    facts = recall(out, ASKED_FILE, MADE_BY)
    return FoldsAsked(
        dataset=parse_dataset(facts["dataset"], ASKED_FILE),
        data=facts["data"],
        out=out,
        trainings=tuple(Training(**item) for item in facts["trainings"]),
        folds=facts["folds"],
        at_once=facts["at_once"],
        runner=facts["runner"],
    )


@dataclass(frozen=True)
class SearchAsked:
    """A search: how many experiments with weights, of which seed."""

    trials: int
    seed: int


def folds_study(asked: FoldsAsked) -> Study:
    """The cross-validation.

    Raises:
        InputError: it can't be run.
    """
    if not 1 <= asked.at_once <= MOST_AT_ONCE:
        raise InputError("--parallel", f"{asked.at_once} trainings can't run side by side here", "give 1 or 2")
    check_text(asked.dataset)
    check_runner(asked.runner)
    return _training_study("cross_validation", asked, asked.trainings, ("score folds",))


def stored_study(folds: Path, dataset: Dataset, out: Path, runner: str, search: SearchAsked) -> Study:
    """A search in stored forecasts.

    Raises:
        InputError: it can't be run.
    """
    check_text(dataset)
    check_runner(runner)
    stored = folds.resolve()
    return Study(
        pipeline="weight_search",
        arguments={
            "dataset": dump_dataset(dataset),
            "stored": str(stored),
            "stored_digest": data_digest(str(stored / "out_of_fold.parquet")),
            "trials": search.trials,
            "seed": search.seed,
            "revision": code_revision(),
        },
        steps=("weight search",),
        out=out,
        reads=(str(stored),),
        outputs=_SEARCH_OUTPUTS,
        runner=runner,
    )


@dataclass(frozen=True)
class Retraining:
    """How many experiments train all folds again, within how many minutes."""

    experiments: int
    budget_minutes: float


def retrained_study(asked: FoldsAsked, again: Retraining, search: SearchAsked) -> Study:
    """A search among the cross-validation's trainings and those of further experiments.

    Raises:
        InputError: it can't be run.
    """
    check_runner(asked.runner)
    trainings = experiment_trainings(
        asked.trainings, again.experiments, asked.dataset.window, again.budget_minutes, asked.at_once
    )
    study = _training_study("weight_search_retrain", asked, trainings, ("score folds", "weight search"))
    arguments = {**study.arguments, "trials": search.trials, "seed": search.seed}
    # What the cross-validation has left stays as it is: this one has more columns.
    folds = {name: f"retrained_{target}" for name, target in _FOLDS_OUTPUTS.items()}
    return Study(**{**vars(study), "arguments": arguments, "outputs": {**folds, **_SEARCH_OUTPUTS}})


def _training_study(pipeline: str, asked: FoldsAsked, trainings: Sequence[Training], last: tuple[str, ...]) -> Study:
    return Study(
        pipeline=pipeline,
        arguments={
            "dataset": dump_dataset(asked.dataset),
            "data": asked.data,
            "data_digest": data_digest(asked.data),
            "members": as_items(trainings),
            "folds": asked.folds,
            "revision": code_revision(),
        },
        steps=("ingest", "preprocess", *(training.name for training in trainings), *last),
        out=asked.out,
        reads=(asked.data,),
        outputs=_FOLDS_OUTPUTS,
        runner=asked.runner,
        at_once=asked.at_once,
    )
