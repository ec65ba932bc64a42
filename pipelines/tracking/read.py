"""A run's folder as a record, at any time: while it runs, after it ended, or after it was killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from components.dataset.load import parse_dataset
from components.errors import InputError
from components.journal import read_events
from components.train.registry import MEMBERS
from pipelines.platform.profile import MEMBER_LISTS
from pipelines.run.board import Board, StepState, step_names
from pipelines.run.folder import RunFolder, read_record
from pipelines.tracking.figures import figures_of, scores_of
from pipelines.tracking.record import MemberRecord, Point, RunRecord, Status

_STATUS: dict[str, Status] = {
    "running": "RUNNING",
    "deployed": "FINISHED",
    "refused": "FINISHED",
    "stopped": "KILLED",
}
_STEP_STATUS: dict[str, Status] = {"running": "RUNNING", "failed": "FAILED", "stopped": "KILLED"}


@dataclass(frozen=True)
class _Seen:
    """What the folder holds."""

    folder: RunFolder
    record: Mapping[str, Any]
    arguments: Mapping[str, Any]
    board: Board
    metrics: Mapping[str, Any]
    card: Mapping[str, Any]

    @property
    def budgets(self) -> dict[str, float]:
        """Seconds for each member."""
        lists = [self.arguments.get(name) or [] for name in MEMBER_LISTS]
        return {item["member"]: item["budget_seconds"] for items in lists for item in items}


def read_run(folder: RunFolder) -> RunRecord:
    """The run in a folder.

    Raises:
        InputError: no run has begun there.
    """
    seen = _see(folder)
    record, status = seen.record, _STATUS.get(seen.record["state"], "FAILED")
    started, ended = _seconds(record["started_at"]), _seconds(record.get("ended_at"))
    members = tuple(_members(seen, started or 0.0, status))
    return RunRecord(
        key=str(record["key"]),
        model=_dataset_name(seen),
        status=status,
        started_at=started or 0.0,
        ended_at=None if status == "RUNNING" else ended,
        params=_params(seen),
        tags=_tags(seen),
        points=(*_progress(seen.board), *_figures(seen, ended or started or 0.0)),
        members=members,
        store=str(seen.folder.store),
        version=int(record.get("version", 0)) if record["state"] == "deployed" else 0,
    )


def _see(folder: RunFolder) -> _Seen:
    record = read_record(folder.record)
    arguments = read_record(folder.work / "request.json").get("arguments", {})
    if "key" not in record or "dataset" not in arguments:
        raise InputError(str(folder.root), "holds no run", "name the folder that was given to `sluice run --out`")
    board = Board(step_names((), simulated=False))
    for event in read_events(str(folder.work))[0]:
        board.apply(event)
    # Only a run that ended well leaves its outputs here; the ones of an earlier run are not this one's.
    outputs = read_record(folder.work / "result.json")
    ended = record["state"] in ("deployed", "refused")
    card = read_record(Path(outputs["candidate"]) / "model_card.json") if ended and "candidate" in outputs else {}
    metrics = read_record(folder.root / "metrics.json") if ended else {}
    return _Seen(folder, record, arguments, board, metrics, card)


def artifact_files(folder: RunFolder) -> dict[str, Path]:
    """Files of a run that ended well, by the name under which they are kept."""
    outputs = read_record(folder.work / "result.json")
    if not outputs:
        return {}
    named = {
        "metrics.json": folder.root / "metrics.json",
        "report.html": folder.root / "report.html",
        "gate.json": Path(outputs["gate"]),
        "model_card.json": Path(outputs["candidate"]) / "model_card.json",
    }
    return {name: path for name, path in named.items() if path.is_file()}


def _dataset_name(seen: _Seen) -> str:
    return parse_dataset(seen.arguments["dataset"], "dataset").name


def _params(seen: _Seen) -> dict[str, str]:
    arguments, budgets = seen.arguments, seen.budgets
    return {
        "dataset": _dataset_name(seen),
        "dataset_digest": hashlib.sha256(arguments["dataset"].encode()).hexdigest()[:16],
        "data_digest": arguments["data_digest"][:16],
        "members": ",".join(budgets),
        "members_budget_seconds": f"{sum(budgets.values()):g}",
        "seed": str(arguments["seed"]),
        "code_revision": arguments.get("revision", "")[:16],
        "serving_revision": arguments.get("serving_revision", "")[:16],
    }


def _tags(seen: _Seen) -> dict[str, str]:
    tags = {"sluice.outcome": str(seen.record["state"]), "sluice.folder": str(seen.folder.root)}
    if kind := seen.card.get("ensemble", {}).get("kind"):
        tags["sluice.ensemble"] = str(kind)
    if failure := seen.board.failure:
        tags["sluice.failure"] = f"{failure.step}: {failure.problem}"[:500]
    if gate := seen.metrics.get("gate"):
        refused = [rule["name"] for rule in gate["rules"] if not rule["passed"]]
        tags["sluice.gate"] = f"refused: {', '.join(refused)}"[:500] if refused else "passed"
    return tags


def _progress(board: Board) -> Iterator[Point]:
    """Per cent that each step has done; each per cent is told once, whenever it is asked for."""
    for step in board.steps.values():
        if step.started_at and step.total:
            share = 100.0 if step.state == "done" else 100 * min(step.done / step.total, 1.0)
            yield Point(f"progress/{step.name}", float(int(share)), int(share), step.ended_at or step.started_at)


def _figures(seen: _Seen, at: float) -> Iterator[Point]:
    for name, step in seen.record.get("steps", {}).items():
        yield from figures_of(f"seconds/{name}", step.get("seconds"), at)
        if name in ("ingest", "preprocess", "ensemble"):
            yield from figures_of(name, step.get("figures", {}), at)
    models = seen.metrics.get("models", {})
    if "ensemble" in models:
        yield from scores_of("test", models["ensemble"], at)
    for name in set(models) - set(seen.budgets) - {"ensemble"}:
        yield from scores_of(f"test_{name}", models[name], at)
    for name in ("coverage", "coverage_nominal"):
        yield from figures_of(f"test/{name}", seen.metrics.get(name), at)
    for rule in seen.metrics.get("gate", {}).get("rules", ()):
        yield from figures_of(f"gate/{rule['name']}", rule["measured"], at)


def _members(seen: _Seen, run_started: float, status: Status) -> Iterator[MemberRecord]:
    details = _details(seen)
    for name, budget in seen.budgets.items():
        step = seen.board.steps.get(f"train {name}", StepState(f"train {name}"))
        if step.state == "waiting" and name not in details:
            continue
        yield _member(seen, step, details.get(name, {}), budget, run_started, status)


def _member(
    seen: _Seen, step: StepState, detail: Mapping[str, Any], budget: float, run_started: float, run_status: Status
) -> MemberRecord:
    name = step.name.removeprefix("train ")
    status: Status = "FINISHED" if detail or step.state == "done" else _STEP_STATUS.get(step.state, "RUNNING")
    if status == "RUNNING" and run_status != "RUNNING":
        status = "KILLED"
    started = step.started_at or run_started
    seconds = float(detail.get("seconds", 0.0))
    ended = None if status == "RUNNING" else step.ended_at or started + seconds
    words = {key: value for key, value in detail.items() if isinstance(value, str) and key != "name"}
    numbers = {key: value for key, value in detail.items() if key not in ("history", "seed", "recipe")}
    scores = seen.metrics.get("models", {}).get(name)
    recipe = {f"recipe.{key}": str(value) for key, value in detail.get("recipe", {}).items()}
    return MemberRecord(
        name=name,
        status=status,
        started_at=started,
        ended_at=ended,
        params={
            "member": name,
            "seed": str(seen.arguments["seed"]),
            "budget_seconds": f"{budget:g}",
            **words,
            **recipe,
        },
        history=tuple(_history(detail.get("history", ()), started)),
        figures=(
            *figures_of("final", numbers, ended or started),
            *(scores_of("test", scores, ended or started) if scores else ()),
        ),
    )


def _history(lines: Any, started: float) -> Iterator[Point]:
    for line in lines:
        at = started + float(line.get("seconds", 0.0))
        for key, value in line.items():
            if key != "step":
                for point in figures_of(key, value, at):
                    yield Point(point.key, point.value, int(line["step"]), at)


def _details(seen: _Seen) -> dict[str, dict[str, Any]]:
    """member.json by member: those that the candidate was made of, else those that the newest run has written."""
    if "members_detail" in seen.card:
        return {detail["name"]: detail for detail in seen.card["members_detail"]}
    if seen.record["state"] in ("deployed", "refused"):
        return {}
    runs = sorted(path for path in seen.folder.pipeline_root.glob("*") if path.is_dir() and path.name != "workspace")
    if not runs or runs[-1].stat().st_mtime < (_seconds(seen.record["started_at"]) or 0.0) - 1:
        return {}
    found = [_read_json(path) for path in runs[-1].rglob("member.json")]
    return {detail["name"]: detail for detail in found if detail.get("name") in MEMBERS}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
