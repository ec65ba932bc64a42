"""KServe: its kinds, its controller, its mode; and the Gateway API that routes gRPC."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pipelines.cluster.doctor.finding import Finding, fail, ok, warn
from pipelines.cluster.doctor.kubeflow import Server, judge_server, read_servers
from pipelines.cluster.doctor.served import Served, plurals
from pipelines.cluster.kube import TIMEOUT_SECONDS, Kube, asked, where_allowed

KSERVE, GATEWAY = "serving.kserve.io", "gateway.networking.k8s.io"
_CONTROLLER = "control-plane=kserve-controller-manager"
_SETTINGS = ("kserve", "inferenceservice-config")
_STANDARD = ("Standard", "RawDeployment")
_GATEWAY_KINDS = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"
_ROUTES = ("gateways", "httproutes", "grpcroutes")


def kserve_findings(kube: Kube, served: Served) -> list[Finding]:
    """Whether InferenceServices become servers, and how."""
    namespace, name = _SETTINGS
    with asked(kube, "KServe's settings"):
        settings = where_allowed(
            lambda: kube.core.read_namespaced_config_map(name, namespace, _request_timeout=TIMEOUT_SECONDS).data or {},
            None,
        )
    controllers = read_servers(kube, _CONTROLLER)
    return [*judge_kserve(served, controllers, settings), judge_gateway(served, settings)]


def judge_kserve(
    served: Served, controllers: Sequence[Server] | None, settings: Mapping[str, str] | None
) -> list[Finding]:
    """What the kinds, the controller and the ConfigMap say."""
    kinds = served.get(KSERVE, frozenset())
    missing = [name for name in ("inferenceservices.v1beta1", "servingruntimes.v1alpha1") if name not in kinds]
    if missing:
        return [fail("kserve", f"the cluster has no kind {' and '.join(missing)}: it isn't installed", _install())]
    findings = [ok("kserve", "InferenceService v1beta1 and ServingRuntime v1alpha1 are served")]
    findings += [judge_server("kserve", one) for one in controllers or ()]
    if controllers == ():
        what = f"no Deployment has the label {_CONTROLLER}: without a controller, services stay without pods"
        findings.append(warn("kserve", what, "kubectl get deploy -A | grep kserve"))
    return [*findings, judge_mode(settings)]


def judge_mode(settings: Mapping[str, str] | None) -> Finding:
    """Whether services without an annotation are Deployments, as the chart makes its own."""
    if settings is None:
        what = f"its settings ({'/'.join(_SETTINGS)}) aren't to be read; the chart asks for Standard by annotation"
        return warn(
            "kserve mode", what, "kubectl get configmap -A --field-selector metadata.name=inferenceservice-config"
        )
    mode = str(_part(settings, "deploy").get("defaultDeploymentMode", ""))
    if mode in _STANDARD:
        return ok("kserve mode", f"{mode}: services are Deployments")
    patch = json.dumps({"data": {"deploy": json.dumps({"defaultDeploymentMode": "Standard"})}})
    what = f"{mode or 'not set'}: the chart's service is Standard by annotation, others may need Knative"
    return warn("kserve mode", what, f"kubectl patch configmap -n {_SETTINGS[0]} {_SETTINGS[1]} -p '{patch}'")


def judge_gateway(served: Served, settings: Mapping[str, str] | None) -> Finding:
    """Whether gRPC can be routed from outside."""
    there = plurals(served, GATEWAY)
    missing = [kind for kind in _ROUTES if kind not in there]
    if missing:
        what = f"the cluster has no kind {', '.join(missing)}; callers outside reach REST by Ingress, gRPC not at all"
        fix = f"kubectl apply -f {_GATEWAY_KINDS}, then a controller for it, and the value routes.grpc.enabled"
        return warn("gateway api", what, fix)
    used = str(_part(settings or {}, "ingress").get("enableGatewayApi", "")).lower() == "true"
    said = "KServe routes by it" if used else "KServe itself routes by Ingress"
    return ok("gateway api", f"{', '.join(_ROUTES)} are served; {said}")


def _part(settings: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        found = json.loads(settings.get(key, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _install() -> str:
    releases = "https://github.com/kserve/kserve/releases/download"
    return f"with cert-manager there: kubectl apply --server-side -f {releases}/v{version('kserve')}/kserve.yaml"
