"""All checks of a cluster, in the order in which their failures matter."""

from __future__ import annotations

from collections.abc import Iterator

from components.errors import InputError
from pipelines.cluster.doctor.api import api_findings
from pipelines.cluster.doctor.cards import card_findings
from pipelines.cluster.doctor.finding import Finding, warn
from pipelines.cluster.doctor.kserve import GATEWAY, KSERVE, kserve_findings
from pipelines.cluster.doctor.kubeflow import ARGO, SCHEDULES, kubeflow_findings
from pipelines.cluster.doctor.rights import Right, may, right_findings
from pipelines.cluster.doctor.served import read_served
from pipelines.cluster.doctor.space import judge_storage, namespace_findings, quota_findings
from pipelines.cluster.kube import Kube
from pipelines.cluster.pending.read import read_surroundings
from pipelines.cluster.pending.snapshot import Surroundings

_CLASSES = Right("list", "storageclasses", "storage.k8s.io", everywhere=True)
_NODES = Right("list", "nodes", everywhere=True)


def examine(kube: Kube) -> Iterator[Finding]:
    """Findings about a cluster and a namespace in it; nothing is changed.

    Raises:
        InputError: the API doesn't answer.
    """
    yield from api_findings(kube)
    served = read_served(kube, (ARGO, SCHEDULES, KSERVE, GATEWAY))
    yield from kubeflow_findings(kube, served)
    yield from kserve_findings(kube, served)
    yield from namespace_findings(kube)
    around = _surroundings(kube)
    if around is None:
        yield warn("pods", "you may not read them", f"kubectl auth can-i list pods -n {kube.namespace}")
    else:
        yield judge_storage(around.classes if may(kube, _CLASSES) else None)
        yield from quota_findings(kube, around.quotas)
    yield from card_findings(around if may(kube, _NODES) else None)
    yield from right_findings(kube)


def _surroundings(kube: Kube) -> Surroundings | None:
    try:
        return read_surroundings(kube)
    except InputError:
        return None
