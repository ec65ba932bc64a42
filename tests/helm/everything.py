"""Values with every switch of the chart on."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

PROFILES = ("dedicated", "shared", "cpu")
VARIANTS = ("everything", "otherwise")
# Of these, a test cluster serves no kinds; `schemas/` has them.
NOT_SERVED = ("monitoring.coreos.com", "gateway.networking.k8s.io", "kueue.x-k8s.io", "external-secrets.io")
V100 = "Tesla-V100-SXM2-32GB"
_EGRESS = [{"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"protocol": "TCP", "port": 5432}]}]
_VALUES: dict[str, Any] = {
    "image": {"pullSecrets": ["pull"]},
    "serving": {
        "keysSecret": "keys",
        "maxAgeSeconds": 600,
        "nodeSelector": {"zone": "a"},
        "annotations": {"note": "text"},
        "labels": {"team": "water"},
    },
    "store": {"pvc": {"storageClassName": "standard", "path": "water/store"}},
    "work": {"pvc": {"storageClassName": "standard"}},
    "tests": {"keySecret": "own"},
    "routes": {
        "gateway": {"name": "edge", "namespace": "gateways"},
        "http": {"enabled": True, "hosts": ["rest.example.com"]},
        "grpc": {"enabled": True, "hosts": ["grpc.example.com"]},
    },
    "gpu": {"productTolerations": {V100: [{"key": "old", "operator": "Exists"}]}, "runtimeClassName": "nvidia"},
    "quota": {"hard": {"requests.cpu": 64, "limits.cpu": 128, "requests.memory": "256Gi", "limits.memory": "512Gi"}},
    "rbac": {"create": True, "serviceAccounts": ["pipeline-runner", "default-editor"]},
    "networkPolicy": {
        "wholeNamespace": True,
        "callers": [{"podSelector": {"matchLabels": {"app": "other"}}}],
        "steps": {"egress": _EGRESS},
        "batch": {"egress": _EGRESS},
        "serving": {"egress": _EGRESS},
    },
    "batch": {
        "enabled": True,
        "readings": {"urlSecret": "readings", "query": "select * from readings"},
        "out": {"claim": "rows"},
        "keySecret": "own",
        "nodeSelector": {"zone": "a"},
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "keySecret": "own", "labels": {"release": "p"}},
        "rules": {"enabled": True, "gpuMaxCelsius": 80, "runbookUrl": "https://example.com/"},
        "dashboard": {"enabled": True},
    },
    "externalSecrets": {
        "enabled": True,
        "store": {"name": "vault"},
        "secrets": [{"name": "keys", "data": [{"key": "keys", "remoteKey": "sluice", "property": "keys"}]}],
    },
    "kueue": {"enabled": True, "cohort": "all"},
}
_OTHERWISE: dict[str, Any] = {
    "store": {"kind": "s3", "s3": {"uri": "s3://models/water", "secretName": "bucket"}},
    "monitoring": {"podMonitor": {"enabled": True}},
    "networkPolicy": {"serving": {"egress": _EGRESS}},
}


def values_of(variant: str, profile: str) -> dict[str, Any]:
    """Values over those of a profile: all switches, but for the few that exclude each other; or those few."""
    if variant == "otherwise":
        return deepcopy(_OTHERWISE)
    flavor = {"product": V100, "gpus": 0 if profile == "cpu" else 1, "cpu": 8, "memory": "64Gi"}
    return {**deepcopy(_VALUES), "kueue": {**_VALUES["kueue"], "flavors": [flavor]}}


def served(thing: dict[str, Any]) -> bool:
    """Whether a test cluster knows an object's kind."""
    return str(thing["apiVersion"]).split("/")[0] not in NOT_SERVED
