"""Uploads a pipeline to Kubeflow Pipelines and starts it, once or by a schedule."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from components.errors import InputError
from pipelines.cluster.kfp_server import KfpServer, asked, connect
from pipelines.cluster.submission import Package
from pipelines.cluster.window import Schedule

# One run of a schedule at a time: they write the same store and want the same cards.
_AT_ONCE = 1
_PAGE = 100


@dataclass(frozen=True)
class Start:
    """How a pipeline is started.

    Attributes:
        name: of the run.
        experiment: that groups runs.
        arguments: of the pipeline.
        schedule: None for once, now.
        service_account: of the run's pods; empty for the server's default.
    """

    name: str
    experiment: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule | None = None
    service_account: str = ""


@dataclass(frozen=True)
class Submitted:
    """What the server has now. Ids are empty for what was not made.

    Attributes:
        host: of the server.
        pipeline_id: of the pipeline.
        version_id: of the pipeline's version.
        version: its name.
        uploaded: whether this version is new there.
        experiment_id: of the experiment.
        run_id: of the run.
        recurring_run_id: of the recurring run.
    """

    host: str
    pipeline_id: str
    version_id: str
    version: str
    uploaded: bool
    experiment_id: str = ""
    run_id: str = ""
    recurring_run_id: str = ""

    @property
    def page(self) -> str:
        """The page of KFP's UI that shows it; the UI often has an address of its own."""
        if self.run_id:
            return f"{self.host.rstrip('/')}/#/runs/details/{self.run_id}"
        if self.recurring_run_id:
            return f"{self.host.rstrip('/')}/#/recurringrun/details/{self.recurring_run_id}"
        return f"{self.host.rstrip('/')}/#/pipelines/details/{self.pipeline_id}/version/{self.version_id}"


def submit(server: KfpServer, package: Package, start: Start | None) -> Submitted:
    """Uploads the pipeline, unless this very version is there, and starts it; without `start`, it is only uploaded.

    Raises:
        InputError: the server can't be reached, or refuses something.
    """
    client = connect(server)
    pipeline_id = _find_pipeline(client, server, package.name)
    version_id = _find_version(client, server, pipeline_id, package.version) if pipeline_id else ""
    uploaded = not version_id
    if not pipeline_id:
        pipeline_id = _create_pipeline(client, server, package.name)
    if not version_id:
        version_id = _upload_version(client, server, pipeline_id, package)
    submitted = Submitted(server.host, pipeline_id, version_id, package.version, uploaded)
    return submitted if start is None else _started(client, server, submitted, start)


def _started(client: Any, server: KfpServer, submitted: Submitted, start: Start) -> Submitted:
    with asked(server, f"experiment {start.experiment}"):
        experiment = client.create_experiment(start.experiment, namespace=server.namespace or None)
    common = {
        "experiment_id": experiment.experiment_id,
        "job_name": start.name,
        "params": dict(start.arguments),
        "pipeline_id": submitted.pipeline_id,
        "version_id": submitted.version_id,
        "service_account": start.service_account or None,
    }
    grouped = replace(submitted, experiment_id=experiment.experiment_id)
    if start.schedule is None:
        with asked(server, f"run {start.name}"):
            return replace(grouped, run_id=client.run_pipeline(**common).run_id)
    with asked(server, f"recurring run {start.name}"):
        # no_catchup: a schedule that was off for a week must not start seven runs.
        recurring = client.create_recurring_run(
            **common,
            description=f"{start.schedule.said} {start.schedule.zone}",
            cron_expression=start.schedule.cron,
            max_concurrency=_AT_ONCE,
            no_catchup=True,
        )
    return replace(grouped, recurring_run_id=recurring.recurring_run_id)


def _find_pipeline(client: Any, server: KfpServer, name: str) -> str:
    with asked(server, "its pipelines"):
        found = client.list_pipelines(
            filter=_named(name), page_size=_PAGE, namespace=server.namespace or None
        ).pipelines
    if found and len(found) > 1:
        raise InputError(server.host, f"has {len(found)} pipelines {name}", "delete all but one in its UI")
    return str(found[0].pipeline_id) if found else ""


def _find_version(client: Any, server: KfpServer, pipeline_id: str, name: str) -> str:
    with asked(server, "the pipeline's versions"):
        found = client.list_pipeline_versions(pipeline_id, filter=_named(name), page_size=_PAGE).pipeline_versions
    return str(found[0].pipeline_version_id) if found else ""


def _create_pipeline(client: Any, server: KfpServer, name: str) -> str:
    """The pipeline without a version: an upload would name the first version after the pipeline."""
    import kfp_server_api

    # Without `name`, which servers before 2.15 don't know; later ones take the display name for it.
    body = kfp_server_api.V2beta1Pipeline(
        display_name=name, namespace=server.namespace or None, description="Trains a forecast model."
    )
    with asked(server, f"pipeline {name}"):
        return str(client.pipelines.pipeline_service_create_pipeline(body).pipeline_id)


def _upload_version(client: Any, server: KfpServer, pipeline_id: str, package: Package) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(package.text, encoding="utf-8")
        with asked(server, f"version {package.version}"):
            version = client.upload_pipeline_version(str(file), package.version, pipeline_id=pipeline_id)
    return str(version.pipeline_version_id)


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})
