"""The train step: one member, from prepared series to a folder with its model, its forecasts and its history."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from components.dataset.schema import Dataset
from components.errors import InputError
from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.storage import load_series
from components.train.registry import MEMBERS
from components.train.ridge import Ridge, block_layout, fit_ridge, row_layout
from components.train.task import Task

if TYPE_CHECKING:
    import keras

    from components.train.forecasts import PartErrors
    from components.train.network import Start

MODEL_FILE = "model.keras"
MEMBER_FILE = "member.json"


@dataclass(frozen=True)
class TrainRequest:
    """What to train.

    Attributes:
        dataset: what is forecast.
        series: folder of the prepared series.
        member: name in the registry.
        budget_seconds: wall clock for this member, its forecasts included.
        seed: of weights and batches.
        work: folder under which checkpoints lie; None keeps none.
        out: folder for the member.
        threads: threads of each operation; steps that run side by side would otherwise fight over the cores.
    """

    dataset: Dataset
    series: Path
    member: str
    budget_seconds: float
    seed: int
    work: Path | None
    out: Path
    threads: int = 1


@dataclass(frozen=True)
class MemberSummary:
    """What came of it.

    Attributes:
        name: the member.
        mode: `chunks`, `windows` or `ridge`.
        parameters: weights of the model.
        seconds: wall clock of the step.
        validation_rmse: over all validation windows and horizons, in the target's unit.
        test_rmse: the same over the test part; nothing is chosen by it.
        targets_per_second: training targets per second of training steps.
        peak_memory_bytes: most memory that the process has held.
    """

    name: str
    mode: str
    parameters: int
    seconds: float
    validation_rmse: float
    test_rmse: float
    targets_per_second: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class _Fitted:
    """A member that is ready to forecast, and what `member.json` says of its training."""

    model: keras.Model
    facts: dict[str, Any]


def train_member(request: TrainRequest, journal: Journal) -> MemberSummary:
    """Trains a member and writes its folder: `model.keras`, `forecasts.npz`, and last `member.json`.

    Raises:
        InputError: if there is no such member or no prepared series.
    """
    began = time.perf_counter()
    if request.member not in MEMBERS:
        known = ", ".join(MEMBERS)
        raise InputError("members", f"there is no member '{request.member}'", f"choose from {known}")
    _use_threads(request.threads)
    series = load_series(request.series)
    task = Task.of(request.dataset, series)
    # Two steps side by side whose linear algebra spins on all cores slow each other down twentyfold.
    with threadpool_limits(limits=request.threads):
        fitted = _fitted(request, series, task, journal, began)
    request.out.mkdir(parents=True, exist_ok=True)
    (request.out / MEMBER_FILE).unlink(missing_ok=True)
    fitted.model.save(request.out / MODEL_FILE)
    errors = _forecast(request, series, task, fitted.model, journal)
    return _written(request, fitted, errors, time.perf_counter() - began)


def _fitted(request: TrainRequest, series: Series, task: Task, journal: Journal, began: float) -> _Fitted:
    from components.train.start import start_of

    look_back = MEMBERS[request.member].look_back
    layout = block_layout(task, look_back) if look_back else row_layout(task)
    start = start_of(series, task, fit_ridge(series, task, layout))
    if request.member == "linear":
        return _linear(series, task, start)
    return _network(request, series, task, start, journal, began)


def _linear(series: Series, task: Task, start: Start) -> _Fitted:
    from components.train.members.linear import model

    ridge: Ridge = start.ridge
    facts = {
        "mode": "ridge",
        "modes_tried": {"ridge": ridge.validation_rmse},
        "history": [],
        "targets_per_second": 0.0,
        "look_backs": ridge.look_backs,
        "penalties": ridge.penalties,
    }
    return _Fitted(model(series, task, start), facts)


def _network(
    request: TrainRequest, series: Series, task: Task, start: Start, journal: Journal, began: float
) -> _Fitted:
    from components.train.loop import Recipe
    from components.train.training import Job, train_network

    checkpoints = None if request.work is None else request.work / "checkpoints"
    left = request.budget_seconds - (time.perf_counter() - began)
    job = Job(request.member, series, task, start, Recipe(), request.seed, max(left, 1.0), checkpoints)
    trained = train_network(job, journal)
    progress = trained.progress
    facts = {
        "mode": trained.networks.mode,
        "modes_tried": trained.modes_tried,
        "history": progress.history,
        "targets_per_second": progress.targets / max(progress.training_seconds, 1e-9),
        "steps": progress.step,
    }
    return _Fitted(trained.networks.serving, facts)


def _forecast(
    request: TrainRequest, series: Series, task: Task, model: keras.Model, journal: Journal
) -> dict[Any, PartErrors]:
    from components.train.forecasts import write_forecasts
    from components.train.scoring import Asker

    def tell(share: float) -> None:
        journal.progress(share, 1.0, "forecasts of validation and test windows")

    return write_forecasts(series, task, Asker(model, series, task), request.out, tell)


def _written(request: TrainRequest, fitted: _Fitted, errors: dict[Any, PartErrors], seconds: float) -> MemberSummary:
    summary = MemberSummary(
        name=request.member,
        mode=fitted.facts["mode"],
        parameters=int(fitted.model.count_params()),
        seconds=seconds,
        validation_rmse=errors["validation"].rmse,
        test_rmse=errors["test"].rmse,
        targets_per_second=fitted.facts["targets_per_second"],
        peak_memory_bytes=_peak_memory_bytes(),
    )
    by_horizon = {f"{part}_rmse_by_horizon": own.by_horizon for part, own in errors.items()}
    content = {**vars(summary), "seed": request.seed, **fitted.facts, **by_horizon}
    aside = request.out / f".{MEMBER_FILE}"
    aside.write_text(json.dumps(content, indent=1), encoding="utf-8")
    aside.replace(request.out / MEMBER_FILE)
    return summary


def _peak_memory_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _use_threads(threads: int) -> None:
    """Limits TensorFlow's threads; a process that has already used them keeps what it has."""
    import contextlib

    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
