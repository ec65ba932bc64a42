"""Run folders as `sluice run` leaves them, and SQLite stores of MLflow."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.dataset.load import dump_dataset, load_preset
from components.deploy.store import ModelStore
from components.journal import Journal
from pipelines.run.folder import RunFolder
from pipelines.tracking.sender import open_client

MODEL = "reservoir"
STARTED = "2026-01-01T00:00:00+00:00"
STARTED_SECONDS = 1767225600.0


def member_detail(name: str, scores: int) -> dict[str, Any]:
    """A member.json."""
    history = [
        {"step": 10 * n, "seconds": float(n), "validation_loss": 1 / (n + 1), "learning_rate": 0.001}
        for n in range(scores)
    ]
    return {
        "name": name,
        "mode": "windows",
        "parameters": 10,
        "seconds": 5.0,
        "validation_rmse": 0.5,
        "seed": 0,
        "history": history,
        "validation_rmse_by_horizon": {"10": 0.25},
        "recipe": {"learning_rate": 0.003},
    }


@dataclass
class Run:
    """Writes a run's folder as the job does, step by step."""

    root: Path
    members: tuple[str, ...] = ("rule_based", "linear")
    key: str = "k" * 64
    graph: str = "graph 1"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.root)

    @property
    def started_at(self) -> float:
        return STARTED_SECONDS

    @property
    def store(self) -> ModelStore:
        return ModelStore(self.folder.store)

    def begin(self) -> Run:
        self.folder.rotate()
        self._record("running")
        arguments = {
            "dataset": dump_dataset(load_preset(MODEL)),
            "data": "postgresql://user:secret@db/readings",
            "data_digest": "d" * 64,
            "members": [{"member": name, "budget_seconds": 30.0} for name in self.members],
            "store": str(self.folder.store),
            "seed": 7,
            "revision": "r" * 64,
            "serving_revision": "s" * 64,
        }
        (self.folder.work / "request.json").write_text(json.dumps({"arguments": arguments}))
        (self.folder.work / "result.json").unlink(missing_ok=True)
        return self

    def progress(self, step: str, share: float) -> Run:
        journal = Journal(str(self.folder.work), step, clock=lambda: STARTED_SECONDS + 1)
        if share == 0:
            journal.started()
        journal.progress(share, 1.0)
        return self

    def member_done(self, name: str) -> Run:
        path = self.folder.pipeline_root / "run-1" / f"loop-{name}" / "train" / "member_model" / "member.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(member_detail(name, 3)))
        Journal(str(self.folder.work), f"train {name}", clock=lambda: STARTED_SECONDS + 9).finished(seconds=5.0)
        return self

    def end(self, state: str = "deployed") -> Run:
        candidate = self._candidate()
        version = 0
        if state == "deployed":
            version = self.store.publish(MODEL, candidate)
            self.store.promote(MODEL, version)
        gate = self.folder.pipeline_root / "gate"
        gate.write_text(json.dumps({"passed": state == "deployed"}))
        scores = {"rmse": 0.25, "mae": 0.125, "by_horizon": {"10": {"rmse": 0.2, "mae": 0.1}}}
        rules = [{"name": "skill at 5% alarms", "measured": 0.5, "wanted": ">= 0", "passed": state == "deployed"}]
        metrics = {
            "models": dict.fromkeys(("ensemble", "persistence", *self.members), scores),
            "coverage": 0.9,
            "gate": {"passed": state == "deployed", "rules": rules},
        }
        (self.root / "metrics.json").write_text(json.dumps(metrics))
        (self.root / "report.html").write_text("<html></html>")
        outputs = {"gate": str(gate), "candidate": str(candidate)}
        (self.folder.work / "result.json").write_text(json.dumps(outputs))
        self._record(state, version=version, ended_at="2026-01-01T00:01:00+00:00")
        return self

    def _candidate(self) -> Path:
        folder = self.folder.pipeline_root / "candidate"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        card = {
            "name": MODEL,
            "ensemble": {"kind": "equal"},
            "members_detail": [member_detail(name, 3) for name in self.members],
        }
        (folder / "model_card.json").write_text(json.dumps(card))
        (folder / "saved_model.pb").write_text(self.graph)
        return folder

    def _record(self, state: str, **facts: Any) -> None:
        steps = {"ingest": {"seconds": 0.5, "figures": {"rows_in": 100}}}
        record = {"key": self.key, "state": state, "started_at": STARTED, "champion": 0, "steps": steps, **facts}
        self.folder.record.write_text(json.dumps(record))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has not begun."""
    root = tmp_path / "runs" / MODEL
    root.mkdir(parents=True)
    return Run(root)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables in a file; making them takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_client(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Server:
    """A tracking store in a file."""
    return Server("", empty_database).another(tmp_path / "mlflow.db")


@dataclass(frozen=True)
class Server:
    """A tracking store, and what it has."""

    address: str

    empty: Path

    @property
    def client(self) -> Any:
        return open_client(self.address)

    def another(self, path: Path) -> Server:
        """An empty one in another file."""
        shutil.copyfile(self.empty, path)
        return Server(f"sqlite:///{path}", self.empty)

    def runs(self) -> list[Any]:
        """The pipeline's runs, without those nested in them."""
        return [run for run in self._all() if "sluice.member" not in run.data.tags]

    def members(self) -> dict[str, Any]:
        """Nested runs by member."""
        nested = [run for run in self._all() if "sluice.member" in run.data.tags]
        assert len({run.data.tags["sluice.member"] for run in nested}) == len(nested)
        return {run.data.tags["sluice.member"]: run for run in nested}

    def contents(self) -> dict[str, Any]:
        """All that is known of all runs, without ids and paths: every point, file, version and alias."""
        client = self.client
        runs = {run.data.tags.get("sluice.member", "") or "run": self._content(run) for run in self._all()}
        assert len(runs) == len(self._all())
        versions = client.search_model_versions(f"name = '{MODEL}'")
        tags = [version.tags["sluice.store_version"] for version in versions]
        return {"runs": runs, "versions": tags, "aliases": self.contents_of_registry()}

    def contents_of_registry(self) -> dict[str, str]:
        """Numbers of the store's versions by alias."""
        client = self.client
        aliases = client.get_registered_model(MODEL).aliases
        return {name: client.get_model_version(MODEL, n).tags["sluice.store_version"] for name, n in aliases.items()}

    def _content(self, run: Any) -> dict[str, Any]:
        client, info = self.client, run.info
        points = {
            key: [(point.step, point.value, point.timestamp) for point in client.get_metric_history(info.run_id, key)]
            for key in run.data.metrics
        }
        files = sorted(file.path for file in client.list_artifacts(info.run_id))
        return {
            "status": info.status,
            "ended": info.end_time,
            "params": run.data.params,
            "points": points,
            "files": files,
        }

    def _all(self) -> list[Any]:
        experiment = self.client.get_experiment_by_name(MODEL)
        return list(self.client.search_runs([experiment.experiment_id])) if experiment else []
