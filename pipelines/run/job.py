"""The main job on this machine, from a request to its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import serving
from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.errors import InputError
from components.train.registry import MEMBERS, budget_shares
from pipelines.local_run import LocalRun
from pipelines.platform.profile import load_profile, member_kinds, training_parameters
from pipelines.run.asked import check_runner, check_text
from pipelines.run.board import Board, Failure, step_names
from pipelines.run.child import Child, Stop, stop_signals
from pipelines.run.device_table import device_facts
from pipelines.run.digests import code_revision, data_digest, run_key
from pipelines.run.folder import RunFolder, locked, read_record, write_record
from pipelines.run.limits import Limits
from pipelines.run.outputs import IncompleteRunError, keep_refused, publish_outputs, read_artifacts
from pipelines.run.screen import Screen
from pipelines.run.watch import Watch
from pipelines.tracking.recorded import recorded

Outcome = Literal["deployed", "refused", "input_error", "failed", "stopped"]
EXIT_CODES: dict[Outcome, int] = {"deployed": 0, "refused": 3, "input_error": 2, "failed": 1, "stopped": 1}

# kfp.local runs two iterations of a loop at once, whatever the pipeline says.
_TRAININGS_AT_ONCE = 2
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class RunRequest:
    """One `sluice run`.

    Attributes:
        dataset: the dataset file.
        data: path, folder or SQL URL of the readings; `None` to make them with `simulate`.
        out: the run's folder.
        members: names of the members.
        budget_minutes: wall-clock minutes of all training together.
        seed: seed of all randomness.
        runner: `subprocess` or `docker`.
        simulate: writes simulated readings to a path, and tells the journal in the folder given second.
        profile: whose settings the graph holds, though this machine ignores most of them; empty for none.
        track: address of the tracking server; empty for none.
        limits: how far training may go besides its minutes.
        replay: share of old readings in the batches of a retraining; None trains from scratch.
    """

    dataset: Dataset
    data: str | None
    out: Path
    members: tuple[str, ...]
    budget_minutes: float
    seed: int
    runner: str = "subprocess"
    simulate: Callable[[Path, Path], None] | None = None
    profile: str = ""
    track: str = ""
    limits: Limits = field(default_factory=Limits)
    replay: float | None = None

    @property
    def pipeline(self) -> str:
        """Name of the graph."""
        return "training" if self.replay is None else "retraining"

    @property
    def steps(self) -> tuple[str, ...]:
        """The graph's steps as the journal calls them, in the order of the flow."""
        names = step_names(self.members, simulated=self.data is None)
        if self.replay is None:
            return names
        after = names.index("ingest") + 1
        return (*names[:after], "take champion", *names[after:])


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    Attributes:
        outcome: in one word.
        version: version published, or the champion that goes on serving; 0 for none.
        metrics: content of metrics.json; empty if the run did not get that far.
        seconds: seconds of each step.
        refused: where the refused candidate lies.
        failure: what went wrong.
        ran: steps that ran in this run, not taken from the cache.
    """

    outcome: Outcome
    version: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    refused: str = ""
    failure: Failure | None = None
    ran: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Run:
    """A run that has begun."""

    request: RunRequest
    folder: RunFolder
    store: ModelStore
    record: dict[str, Any]
    watch: Watch

    @property
    def board(self) -> Board:
        return self.watch.board


def check_request(request: RunRequest) -> None:
    """Finds what can be found wrong before anything runs.

    Raises:
        InputError: unknown members, a budget of nothing, a runner that isn't there, a text that kfp can't carry.
    """
    unknown = [member for member in request.members if member not in MEMBERS]
    if unknown or not request.members:
        raise InputError(
            "--members",
            f"there is no member {', '.join(unknown)}" if unknown else "no member is named",
            f"choose from: {', '.join(MEMBERS)}",
        )
    if len(set(request.members)) < len(request.members):
        raise InputError("--members", "a member is named twice", "name each once")
    if request.budget_minutes <= 0:
        raise InputError("--budget", "there must be some time to train in", "give minutes above 0, for example 10")
    request.limits.check()
    check_text(request.dataset)
    check_runner(request.runner)


def run_job(
    request: RunRequest, make_screen: Callable[[Board], Screen], watch_log: Callable[[RunFolder], Callable[[], None]]
) -> RunResult:
    """Runs the pipeline and leaves its results in `request.out`.

    Raises:
        InputError: the request can't be run, or another run holds the folder.
    """
    check_request(request)
    folder = RunFolder(request.out.resolve())
    with locked(folder) as lock, stop_signals() as stop:
        folder.rotate()
        board = Board(request.steps)
        screen = make_screen(board)
        try:
            watch = Watch(str(folder.work), board, screen, watch_log(folder))
            return _run_locked(request, folder, watch, lock, stop)
        finally:
            screen.close(board)


def _run_locked(request: RunRequest, folder: RunFolder, watch: Watch, lock: int, stop: Stop) -> RunResult:
    data = request.data or _simulated(request, folder, watch)
    if stop.asked:
        return RunResult("stopped")
    arguments = _arguments(request, folder, data)
    store = ModelStore(folder.store)
    key = run_key({**arguments, "runner": request.runner, **({"profile": request.profile} if request.profile else {})})
    run = _Run(request, folder, store, _begin(folder, store, request.dataset.name, key), watch)
    asked = LocalRun(
        pipeline=request.pipeline,
        arguments={**arguments, "champion": run.record["champion"]},
        runner=request.runner,
        pipeline_root=str(folder.pipeline_root),
        cache_root=str(folder.cache),
        mounts=_mounts(folder, data),
        result=str(folder.work / "result.json"),
        profile=request.profile,
    )
    Path(asked.result).unlink(missing_ok=True)
    asked.save(folder.work / "request.json")
    with recorded(folder, request.track):
        code = Child(folder.work / "request.json", folder.log, lock).follow(watch.look, stop)
        return _end(run, code, Path(asked.result), stopped=stop.asked > 0)


def _simulated(request: RunRequest, folder: RunFolder, watch: Watch) -> str:
    if request.simulate is None:
        raise InputError(request.dataset.name, "no readings are named", "give them with --data PATH")
    path = folder.root / "readings.csv.gz"
    with ThreadPoolExecutor(max_workers=1) as pool:
        made = pool.submit(request.simulate, path, folder.work)
        while not made.done():
            watch.look()
            wait([made], timeout=_LOOK_SECONDS)
    made.result()
    watch.look()
    return str(path)


def _arguments(request: RunRequest, folder: RunFolder, data: str) -> dict[str, Any]:
    shares = budget_shares(request.members, request.budget_minutes * 60, parallel=_TRAININGS_AT_ONCE)
    return {
        "dataset": dump_dataset(request.dataset),
        "data": data,
        "data_digest": data_digest(data),
        **_member_lists(request, shares),
        "store": str(folder.store),
        "seed": request.seed,
        "work": str(folder.work),
        "revision": code_revision(),
        "serving_revision": code_revision(serving),
        **request.limits.arguments(),
        **({} if request.replay is None else {"replay": request.replay}),
    }


def _member_lists(request: RunRequest, shares: Mapping[str, float]) -> dict[str, Any]:
    """The members with their budgets, in as many lists as the profile makes of them; no server runs here to ask."""
    if not request.profile:
        return {"members": [{"member": name, "budget_seconds": round(shares[name], 3)} for name in request.members]}
    profile = load_profile(request.profile)
    kinds = member_kinds(profile, request.members)
    lists = {
        kind.parameter: [{"member": name, "budget_seconds": round(shares[name], 3)} for name in kind.members]
        for kind in kinds
    }
    # They are in the graph already; named here they are part of what the run is known by.
    return {**lists, **training_parameters(profile), "smoke": False}


def _mounts(folder: RunFolder, data: str) -> tuple[str, ...]:
    if "://" in data:
        return (str(folder.root),)
    return (str(folder.root), str(Path(data).resolve().parent))


def _begin(folder: RunFolder, store: ModelStore, model: str, key: str) -> dict[str, Any]:
    """Records that the run has begun, with the champion that its candidate is judged against.

    A run with the same key, finished or killed, was judged against the champion of its day. If the champion of today
    is the version which that run published, judging it against itself would say nothing: the same champion as then is
    named, and every step finds its result in the cache.
    """
    champion = store.champion(model)
    present = champion.version if champion else 0
    before = read_record(folder.record_of(key))
    same = present in (before.get("champion", -1), before.get("version", -1))
    record = {
        "key": key,
        "state": "running",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "champion": before["champion"] if same else present,
        "version": before.get("version", -1) if same else -1,
        "refused": before.get("refused", ""),
        "steps": {**read_record(folder.record).get("steps", {}), **before.get("steps", {})},
    }
    _save(folder, record)
    return record


def _save(folder: RunFolder, record: dict[str, Any]) -> None:
    write_record(folder.record_of(record["key"]), record)
    write_record(folder.record, record)


def _end(run: _Run, code: int, result: Path, stopped: bool) -> RunResult:
    run.record["steps"].update(run.board.ran())
    run.record["ended_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    outcome = _unfinished(run, code, stopped) if code != 0 else _finished(run, result)
    run.record["state"] = outcome.outcome
    run.record["refused"] = outcome.refused
    if outcome.outcome == "deployed":
        run.record["version"] = outcome.version
    _save(run.folder, run.record)
    return outcome


def _unfinished(run: _Run, code: int, stopped: bool) -> RunResult:
    run.board.close(succeeded=False, passed=False)
    failure = run.board.failure
    ran = tuple(run.board.ran())
    if failure and failure.input_error:
        return RunResult("input_error", failure=failure, ran=ran)
    if stopped:
        return RunResult("stopped", ran=ran)
    unsaid = Failure(step="", problem=f"the pipeline ended with status {code}")
    broken = [step.name for step in run.board.steps.values() if step.state == "stopped"]
    if broken and failure is None:
        unsaid = Failure(step=broken[0], problem="ended without a word; it may have run out of memory")
    return RunResult("failed", failure=failure or unsaid, ran=ran)


def _finished(run: _Run, result: Path) -> RunResult:
    try:
        artifacts = read_artifacts(result)
        version = _published(run) if artifacts.passed else _champion(run)
    except IncompleteRunError as error:
        run.board.close(succeeded=False, passed=False)
        return RunResult("failed", failure=Failure(step="", problem=str(error)))
    run.board.close(succeeded=True, passed=artifacts.passed)
    known = run.board.steps
    seconds = {name: step["seconds"] for name, step in run.record["steps"].items() if name in known}
    for name, step in known.items():
        step.figures = step.figures or run.record["steps"].get(name, {}).get("figures", {})
    training = device_facts({name: step.figures for name, step in known.items()})
    metrics = publish_outputs(run.folder, artifacts, seconds, training)
    ran = tuple(run.board.ran())
    if artifacts.passed:
        return RunResult("deployed", version, metrics, seconds, ran=ran)
    refused = keep_refused(run.folder, artifacts.candidate, run.record["refused"], datetime.now(UTC))
    return RunResult("refused", version, metrics, seconds, refused=str(refused), ran=ran)


def _champion(run: _Run) -> int:
    champion = run.store.champion(run.request.dataset.name)
    return champion.version if champion else 0


def _published(run: _Run) -> int:
    """The version that deploy made champion, whole.

    Raises:
        IncompleteRunError: there is none, or its files don't match their checksums.
    """
    version = _champion(run)
    if not version:
        raise IncompleteRunError("the candidate passed the gate, but the store has no champion")
    try:
        run.store.verify(run.request.dataset.name, version)
    except InputError as error:
        raise IncompleteRunError(str(error)) from error
    return version
