"""A run's record as runs of MLflow: one for the pipeline's run, one nested in it for each member.

Everything here may be done again: what the server has is looked up first, by the tag that holds the run's own id.
So a run whose sending was cut off anywhere is completed by the next try, and nothing is there twice.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.tracking.address import local_artifacts
from pipelines.tracking.record import MemberRecord, Point, RunRecord, Status
from pipelines.tracking.registry import register, set_aliases

RUN_TAG, MEMBER_TAG = "sluice.run", "sluice.member"
# MLflow takes 1000 metrics and 100 parameters in one request.
_METRICS_AT_ONCE, _PARAMS_AT_ONCE = 1000, 100
_LONGEST_PARAM = 6000
# A server that doesn't answer is given up soon: what it misses is kept. MLflow's own settings come before these.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # A training tells nobody but its own server about itself.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # stdout is for what the command says.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def open_client(address: str) -> Any:
    """MLflow's client for a tracking server and its registry; nothing is asked of the server yet."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=address, registry_uri=address)


def one_line(error: BaseException) -> str:
    """What went wrong, short enough for one line."""
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    return first if len(first) <= 200 else f"{first[:197]}..."


@dataclass
class _Known:
    """What the server has of one of its runs.

    Attributes:
        run: as MLflow gave it.
        status: that it has there.
        params: names of those that it has.
        tags: all that it has.
        points: steps by metric.
        listed: metrics whose steps have not been asked for yet.
    """

    run: Any
    status: str
    params: set[str]
    tags: dict[str, str]
    points: dict[str, set[int]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)


class Sender:
    """Sends records to one server, and remembers what it has sent."""

    def __init__(self, address: str, client: Callable[[str], Any] = open_client) -> None:
        self.client = client(address)
        self._artifact_location = local_artifacts(address)
        self._experiments: dict[str, str] = {}
        self._runs: dict[tuple[str, str], _Known] = {}

    def send(self, record: RunRecord, run_id: str, artifacts: Path | None = None) -> None:
        """Brings the server up to what the record says.

        Args:
            record: the run.
            run_id: its own id, as in the outbox.
            artifacts: folder of its files; None while it runs.

        Raises:
            Exception: whatever MLflow raises; what was sent before it stays.
        """
        experiment = self._experiment(record.model)
        self._look_up(experiment, run_id)
        parent = self._run(experiment, record, run_id, None)
        self._tell(parent, record.params, record.tags, record.points)
        for member in record.members:
            nested = self._run(experiment, record, run_id, member)
            self._tell(nested, member.params, {}, (*member.history, *member.figures))
            self._set_status(nested, member.status, member.ended_at)
        if artifacts is not None:
            self.client.log_artifacts(parent.run.info.run_id, str(artifacts))
        if record.published:
            register(self.client, record, parent.run.info)
        if record.status != "RUNNING":
            set_aliases(self.client, Path(record.store), record.model)
        # Last: a run that is finished at the server is all there.
        self._set_status(parent, record.status, record.ended_at)

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name)
            self._experiments[name] = (
                found.experiment_id
                if found is not None
                else self.client.create_experiment(name, artifact_location=self._artifact_location)
            )
        return self._experiments[name]

    def _look_up(self, experiment: str, run_id: str) -> None:
        """Takes in the runs that the server has under this id, unless that is known."""
        if any(known == run_id for known, _ in self._runs):
            return
        for run in self.client.search_runs([experiment], filter_string=f"tags.`{RUN_TAG}` = '{run_id}'"):
            data = run.data
            known = _Known(run, run.info.status, set(data.params), dict(data.tags), listed=set(data.metrics))
            self._runs[run_id, data.tags.get(MEMBER_TAG, "")] = known

    def _fresh(self, known: _Known, points: Iterable[Point]) -> list[Point]:
        """Points that the server hasn't; a whole history is asked for only where a metric has one."""
        told = {(point.key, point.step): point for point in points}
        for key in known.listed & {key for key, _ in told}:
            has_history = any(step for other, step in told if other == key)
            known.points[key] = self._steps(known, key) if has_history else {0}
        known.listed -= {key for key, _ in told}
        return [point for (key, step), point in told.items() if step not in known.points.get(key, ())]

    def _steps(self, known: _Known, key: str) -> set[int]:
        return {int(metric.step) for metric in self.client.get_metric_history(known.run.info.run_id, key)}

    def _run(self, experiment: str, record: RunRecord, run_id: str, member: MemberRecord | None) -> _Known:
        name = member.name if member else ""
        if (run_id, name) not in self._runs:
            tags = {RUN_TAG: run_id}
            if member:
                tags |= {MEMBER_TAG: name, "mlflow.parentRunId": self._runs[run_id, ""].run.info.run_id}
            run = self.client.create_run(
                experiment,
                start_time=_milliseconds(member.started_at if member else record.started_at),
                tags=tags,
                run_name=name or f"{record.model} {run_id[:8]}",
            )
            self._runs[run_id, name] = _Known(run, "RUNNING", set(), tags)
        return self._runs[run_id, name]

    def _tell(self, known: _Known, params: Mapping[str, str], tags: Mapping[str, str], points: Iterable[Point]) -> None:
        from mlflow.entities import Metric, Param

        run = known.run.info.run_id
        # A parameter can't be changed: what was told first stays.
        new_params = [Param(key, value[:_LONGEST_PARAM]) for key, value in params.items() if key not in known.params]
        for some in _slices(new_params, _PARAMS_AT_ONCE):
            self.client.log_batch(run, params=some)
        known.params |= set(params)
        for key, value in tags.items():
            if known.tags.get(key) != value:
                self.client.set_tag(run, key, value)
        known.tags |= tags
        for chosen in _slices(self._fresh(known, points), _METRICS_AT_ONCE):
            metrics = [Metric(point.key, point.value, _milliseconds(point.at), point.step) for point in chosen]
            self.client.log_batch(run, metrics=metrics)
            for point in chosen:
                known.points.setdefault(point.key, set()).add(point.step)

    def _set_status(self, known: _Known, status: Status, ended_at: float | None) -> None:
        if known.status == status:
            return
        run = known.run.info.run_id
        if status == "RUNNING":
            self.client.update_run(run, status=status)
        else:
            self.client.set_terminated(run, status, _milliseconds(ended_at) if ended_at else None)
        known.status = status


def _slices(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
