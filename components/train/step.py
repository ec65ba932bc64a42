"""The train step: one member, from prepared series to a folder with its model, its forecasts and its history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from components.dataset.schema import Dataset
from components.errors import InputError
from components.journal import Journal, peak_memory_bytes
from components.preprocess.series import Series
from components.preprocess.storage import load_series
from components.preprocess.windows import origins
from components.train.registry import MEMBERS
from components.train.ridge import Ridge, start_layout
from components.train.ridge_store import kept_ridge
from components.train.runtime import Runtime, prepare
from components.train.task import Task
from components.train.warm_start import PATIENCE, RATE_SHARE, Replay, WarmStart, warm_facts, warm_start_of
from components.train.window_share import Timetable, seconds_after_training, seconds_in_window
from components.train.wishes import StepWishes

if TYPE_CHECKING:
    import keras

    from components.train.device_report import DeviceReport
    from components.train.forecasts import PartErrors
    from components.train.network import Start

MODEL_FILE = "model.keras"
MEMBER_FILE = "member.json"
# Below this a network could not even be built and traced before its time is over.
LEAST_NETWORK_SECONDS = 12.0


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
        threads: threads of each operation; 0 for what the environment or the machine says.
        steps: steps of training in place of seconds; 0 to train by the clock.
        deterministic: whether the same steps give the same weights to the last bit; needs `steps`.
        deadline: epoch seconds by which the whole run must have ended; 0 for none.
        timetable: when which member is trained, for its share of what the deadline leaves; None trains it alone.
        memory_bytes: memory that training may take of its device; 0 for what is free.
        warm_start: folder with the champion's members to go on from; None begins with fresh weights.
        replay: how batches are mixed after a warm start.
        wishes: how a step is done, where somebody says so.
        clock: epoch seconds.
    """

    dataset: Dataset
    series: Path
    member: str
    budget_seconds: float
    seed: int
    work: Path | None
    out: Path
    threads: int = 0
    steps: int = 0
    deterministic: bool = False
    deadline: float = 0.0
    timetable: Timetable | None = None
    memory_bytes: int = 0
    warm_start: Path | None = None
    replay: Replay = field(default_factory=Replay)
    wishes: StepWishes = field(default_factory=StepWishes)
    clock: Callable[[], float] = time.time

    @property
    def runtime(self) -> Runtime:
        """How its process computes."""
        return Runtime(self.threads, self.deterministic, self.memory_bytes)


@dataclass(frozen=True)
class MemberSummary:
    """What came of it.

    Attributes:
        name: the member.
        mode: `chunks`, `windows`, `segments` or `ridge`.
        parameters: weights of the model.
        seconds: wall clock of the step.
        cut_seconds: seconds of its budget that the deadline took.
        validation_rmse: over all validation windows and horizons, in the target's unit.
        test_rmse: the same over the test part; nothing is chosen by it.
        device: name of the CPU or GPU.
        precision: of the member's own layers while it was trained.
        steps: steps of training.
        micro_batch: windows or chunks that were in memory at once.
        rows_per_second: rows of windows and chunks per second of training steps.
        targets_per_second: training targets per second of training steps.
        waiting_share: share of the steps' time in which they waited for data.
        peak_memory_bytes: most memory that the process has held.
        peak_device_memory_bytes: most memory taken of a GPU; 0 without one.
    """

    name: str
    mode: str
    parameters: int
    seconds: float
    cut_seconds: float
    validation_rmse: float
    test_rmse: float
    device: str
    precision: str
    steps: int
    micro_batch: int
    rows_per_second: float
    targets_per_second: float
    waiting_share: float
    peak_memory_bytes: int
    peak_device_memory_bytes: int


@dataclass(frozen=True)
class _Fitted:
    """A member that is ready to forecast, and what `member.json` says of its training."""

    model: keras.Model
    mode: str
    facts: dict[str, Any]
    report: DeviceReport


@dataclass(frozen=True)
class _Allowance:
    """Seconds for a member, and what the deadline took of them; `closes_at` is 0 without one."""

    seconds: float
    cut_seconds: float = 0.0
    closes_at: float = 0.0

    @property
    def only_start(self) -> bool:
        """Whether there is no time to build and trace a network, let alone to train it."""
        return self.closes_at > 0 and self.seconds < LEAST_NETWORK_SECONDS


def train_member(request: TrainRequest, journal: Journal) -> MemberSummary:
    """Trains a member and writes its folder: `model.keras`, `forecasts.npz`, and last `member.json`.

    Raises:
        InputError: if there is no such member or no prepared series, or memory for a single window.
    """
    began = time.perf_counter()
    if request.member not in MEMBERS:
        known = ", ".join(MEMBERS)
        raise InputError("members", f"there is no member '{request.member}'", f"choose from {known}")
    if request.deterministic and not request.steps:
        raise InputError("deterministic", "training by the clock never ends twice at the same step", "give steps")
    prepare(request.runtime, request.seed)
    series = load_series(request.series)
    task = Task.of(request.dataset, series)
    # Two steps side by side whose linear algebra spins on all cores slow each other down twentyfold.
    with threadpool_limits(limits=request.runtime.threads_used):
        allowance = _allowance(request, series, task, journal, began)
        fitted = _fitted(request, series, task, journal, allowance)
    request.out.mkdir(parents=True, exist_ok=True)
    (request.out / MEMBER_FILE).unlink(missing_ok=True)
    fitted.model.save(request.out / MODEL_FILE)
    errors = _forecast(request, series, task, fitted.model, journal)
    return _written(request, fitted, errors, allowance, time.perf_counter() - began)


def _allowance(request: TrainRequest, series: Series, task: Task, journal: Journal, began: float) -> _Allowance:
    """The member's budget, or the share of it that the deadline leaves."""
    budget = request.budget_seconds - (time.perf_counter() - began)
    if not request.deadline:
        return _Allowance(max(budget, 1.0))
    from components.train.forecasts import PARTS

    windows = sum(len(origins(series, part, task.window, task.horizons)) for part in PARTS)
    now = request.clock()
    left = request.deadline - now - seconds_after_training(request.work, windows)
    timetable = request.timetable or Timetable((), 1)
    seconds = seconds_in_window(budget, request.member, timetable, left)
    cut = budget - seconds
    if cut > 1.0:
        journal.note(f"the deadline leaves {seconds:.0f} s of {budget:.0f} s")
    return _Allowance(seconds, cut, now + seconds)


def _fitted(request: TrainRequest, series: Series, task: Task, journal: Journal, allowance: _Allowance) -> _Fitted:
    from components.train.start import start_of

    # A champion's member that there is no time to train is still better than the start alone.
    network = request.member != "linear" and (request.warm_start is not None or not allowance.only_start)
    look_back = MEMBERS[request.member].look_back if network else MEMBERS["linear"].look_back
    ready_at = time.perf_counter() + allowance.seconds
    kept = None if request.work is None else request.work / "linear"
    if network and request.warm_start is not None:
        from components.train.refit import refitted

        warm = refitted(series, warm_start_of(request.warm_start, request.member, task, request.replay), kept)
        allowance = replace(allowance, seconds=ready_at - time.perf_counter())
        return _network(request, series, warm.task, warm.start, journal, allowance, warm)
    start = start_of(series, task, kept_ridge(kept, series, task, start_layout(task, look_back)))
    if not network:
        return _linear(request, series, task, start)
    allowance = replace(allowance, seconds=ready_at - time.perf_counter())
    return _network(request, series, task, start, journal, allowance)


def _linear(request: TrainRequest, series: Series, task: Task, start: Start) -> _Fitted:
    from components.train.device_report import DeviceReport, device_name
    from components.train.members.linear import model

    ridge: Ridge = start.ridge
    facts = {
        "modes_tried": {"ridge": ridge.validation_rmse},
        "history": [],
        "look_backs": ridge.look_backs,
        "penalties": ridge.penalties,
    }
    device = device_name(request.runtime.threads_used)
    report = DeviceReport(device=device, peak_memory_bytes=peak_memory_bytes())
    return _Fitted(model(series, task, start), "ridge", facts, report)


def _network(
    request: TrainRequest,
    series: Series,
    task: Task,
    start: Start,
    journal: Journal,
    allowance: _Allowance,
    warm: WarmStart | None = None,
) -> _Fitted:
    from components.train.recipe import recipe_of
    from components.train.training import Job, train_network

    usual = recipe_of(task.segment)
    recipe = replace(
        request.wishes.applied(usual),
        learning_rate=usual.learning_rate * MEMBERS[request.member].rate,
        steps=request.steps,
        deterministic=request.deterministic,
    )
    if warm is not None:
        recipe = replace(recipe, learning_rate=recipe.learning_rate * RATE_SHARE, patience=PATIENCE)
    job = Job(
        member=request.member,
        series=series,
        task=task,
        start=start,
        recipe=recipe,
        seed=request.seed,
        seconds=max(allowance.seconds, 1.0),
        checkpoints=None if request.work is None else request.work / "checkpoints",
        closes_at=allowance.closes_at,
        memory_bytes=request.memory_bytes,
        micro_batch=request.wishes.micro_batch,
        threads=request.runtime.threads_used,
        warm=warm,
    )
    trained = train_network(job, journal)
    facts: dict[str, Any] = {
        "modes_tried": trained.modes_tried,
        "history": trained.progress.history,
        "width": task.width,
    }
    facts |= {"warm_start": warm_facts(task, start, series, warm), "recipe": asdict(recipe)}
    if warm is not None:
        facts["seconds_from_scratch"] = warm.seconds_from_scratch
    return _Fitted(trained.networks.serving, trained.networks.mode, facts, trained.report)


def _forecast(
    request: TrainRequest, series: Series, task: Task, model: keras.Model, journal: Journal
) -> dict[Any, PartErrors]:
    from components.train.forecasts import write_forecasts
    from components.train.scoring import Asker

    def tell(share: float) -> None:
        journal.progress(share, 1.0, "forecasts of validation and test windows")

    return write_forecasts(series, task, Asker(model, series, task), request.out, tell)


def _written(
    request: TrainRequest, fitted: _Fitted, errors: dict[Any, PartErrors], allowance: _Allowance, seconds: float
) -> MemberSummary:
    summary = MemberSummary(
        name=request.member,
        mode=fitted.mode,
        parameters=int(fitted.model.count_params()),
        seconds=seconds,
        cut_seconds=allowance.cut_seconds,
        validation_rmse=errors["validation"].rmse,
        test_rmse=errors["test"].rmse,
        **vars(fitted.report),
    )
    by_horizon = {f"{part}_rmse_by_horizon": own.by_horizon for part, own in errors.items()}
    content = {**vars(summary), "seed": request.seed, **fitted.facts, **by_horizon}
    aside = request.out / f".{MEMBER_FILE}"
    aside.write_text(json.dumps(content, indent=1), encoding="utf-8")
    aside.replace(request.out / MEMBER_FILE)
    return summary
