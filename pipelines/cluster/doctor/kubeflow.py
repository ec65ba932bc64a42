"""Kubeflow Pipelines: its kinds, its servers, and the zone of its schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pipelines.cluster.doctor.finding import Finding, fail, ok, warn
from pipelines.cluster.doctor.served import Served, plurals
from pipelines.cluster.kube import TIMEOUT_SECONDS, Kube, asked, where_allowed

ARGO, SCHEDULES = "argoproj.io", "kubeflow.org"
_SERVER, _SCHEDULER = "ml-pipeline", "ml-pipeline-scheduledworkflow"
_ZONE = "CRON_SCHEDULE_TIMEZONE"


@dataclass(frozen=True)
class Server:
    """A Deployment.

    Attributes:
        namespace: where it is.
        name: of it.
        ready: replicas that answer.
        wanted: replicas that there should be.
        image: of its first container.
        zone: CRON_SCHEDULE_TIMEZONE in its environment; empty where it isn't set.
    """

    namespace: str
    name: str
    ready: int
    wanted: int
    image: str = ""
    zone: str = ""


def kubeflow_findings(kube: Kube, served: Served) -> list[Finding]:
    """Whether runs can be submitted."""
    return judge_kubeflow(read_servers(kube, f"app in ({_SERVER},{_SCHEDULER})"), served)


def read_servers(kube: Kube, selector: str) -> tuple[Server, ...] | None:
    """Deployments with these labels, in all namespaces; None where we may not read them.

    Raises:
        InputError: the API doesn't answer.
    """
    from kubernetes import client

    apps = client.AppsV1Api(kube.client)
    options = {"label_selector": selector, "_request_timeout": TIMEOUT_SECONDS}
    with asked(kube, "Deployments"):
        found = where_allowed(lambda: apps.list_deployment_for_all_namespaces(**options).items, None)
    return None if found is None else tuple(map(_server, found))


def judge_kubeflow(servers: Sequence[Server] | None, served: Served) -> list[Finding]:
    """What the Deployments and the kinds say."""
    missing = [
        kind
        for group, kind in ((ARGO, "workflows"), (SCHEDULES, "scheduledworkflows"))
        if kind not in plurals(served, group)
    ]
    if missing:
        return [
            fail(
                "kubeflow pipelines", f"the cluster has no kind {' and '.join(missing)}: it isn't installed", _install()
            )
        ]
    if servers is None:
        return [warn("kubeflow pipelines", "its kinds are there; you may not read its Deployments", _rights())]
    named = {server.name: server for server in servers}
    if _SERVER not in named:
        return [fail("kubeflow pipelines", f"its kinds are there, but no Deployment {_SERVER}", _install())]
    findings = [judge_server("kubeflow pipelines", server) for server in servers]
    return [*findings, _judge_zone(named.get(_SCHEDULER))]


def judge_server(subject: str, server: Server) -> Finding:
    """Whether a Deployment answers."""
    said = f"{server.namespace}/{server.name} ({server.image.rsplit('/', 1)[-1]})"
    if server.ready < max(server.wanted, 1):
        what = f"{said} has {server.ready} of {max(server.wanted, 1)} replicas ready"
        return fail(subject, what, f"sluice why {server.name} -n {server.namespace}")
    return ok(subject, f"{said} is ready")


def _judge_zone(scheduler: Server | None) -> Finding:
    if scheduler is None:
        return warn("schedules", f"there is no Deployment {_SCHEDULER}: recurring runs never start", _install())
    if scheduler.zone not in ("", "UTC"):
        what = f"KFP reads cron in {scheduler.zone} ({_ZONE})"
        return warn("schedules", what, f"submit with --controller-timezone {scheduler.zone}")
    return ok("schedules", "KFP reads cron in UTC, as `sluice submit` writes it")


def _server(deployment: Any) -> Server:
    [first, *_] = deployment.spec.template.spec.containers
    zone = next((one.value or "" for one in first.env or () if one.name == _ZONE), "")
    metadata = deployment.metadata
    wanted = deployment.spec.replicas if deployment.spec.replicas is not None else 1
    return Server(metadata.namespace, metadata.name, deployment.status.ready_replicas or 0, wanted, first.image, zone)


def _install() -> str:
    where = "github.com/kubeflow/pipelines/manifests/kustomize"
    reference = f"ref={version('kfp')}"
    return (
        f'kubectl apply -k "{where}/cluster-scoped-resources?{reference}" && '
        f'kubectl apply -k "{where}/env/platform-agnostic?{reference}"'
    )


def _rights() -> str:
    return "ask for the right: kubectl auth can-i list deployments --all-namespaces"
