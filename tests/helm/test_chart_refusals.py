"""Values that can't work are refused, and the refusal says what to do."""

from __future__ import annotations

from typing import Any

import pytest

GATEWAY = {"name": "edge"}
# Quotas and network policies have refusals of their own, which come first.
NO_QUOTA = {"quota": {"enabled": False}}
OPEN = {"networkPolicy": {"enabled": False}}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("surge on a full card", {"serving": {"strategy": "RollingUpdate"}}, "set serving.strategy to Recreate"),
    ("more GPUs than serving may hold", {"gpu": {"perReplica": 2}}, "raise gpu.servingCards"),
    ("two replicas on one card", {"serving": {"replicas": 2}}, "serving.replicas 2 x gpu.perReplica 1"),
    ("two GPUs on a one-GPU quota", NO_QUOTA | {"gpu": {"cards": 1, "servingCards": 2}}, "the quota would refuse them"),
    ("no card for training", NO_QUOTA | {"gpu": {"cards": 1}}, "set profile to shared"),
    ("GPUs in profile cpu", {"profile": "cpu"}, "take values-cpu.yaml"),
    ("no GPU in profile dedicated", {"gpu": {"perReplica": 0}}, "profile to cpu"),
    ("autoscaling on GPUs", {"autoscaling": {"enabled": True}}, "autoscaling.enabled to false"),
    ("canary in mode Standard", {"serving": {"canaryTrafficPercent": 10}}, "KServe ignores"),
    ("transformer in mode Knative", OPEN | {"serving": {"deploymentMode": "Knative"}}, "transformer.enabled to false"),
    (
        "GRPCRoute in mode Knative",
        OPEN
        | {
            "serving": {"deploymentMode": "Knative"},
            "transformer": {"enabled": False},
            "routes": {"gateway": GATEWAY, "grpc": {"enabled": True, "hosts": ["a.example.org"]}},
        },
        "a pod has one port",
    ),
    ("route without gateway", {"routes": {"http": {"enabled": True, "hosts": ["a.example.org"]}}}, "kubectl get gat"),
    ("route without host", {"routes": {"gateway": GATEWAY, "grpc": {"enabled": True}}}, "routes.grpc.hosts"),
    (
        "one host for both routes",
        {
            "routes": {
                "gateway": GATEWAY,
                "http": {"enabled": True, "hosts": ["a.example.org"]},
                "grpc": {"enabled": True, "hosts": ["a.example.org"]},
            }
        },
        "give each its own",
    ),
    ("S3 without a bucket", {"store": {"kind": "s3"}}, "store.s3.uri, s3://bucket/prefix"),
    (
        "S3 that no pod may reach",
        {"store": {"kind": "s3", "s3": {"uri": "s3://models/water"}}},
        "say where in networkPolicy.serving.egress",
    ),
    ("one claim for store and work", {"work": {"pvc": {"name": "demo-sluice-store"}}}, "give work.pvc.name another"),
    ("no claim", {"store": {"pvc": {"create": False}}}, "store.pvc.create to true"),
    (
        "keys without a front",
        {"serving": {"keysSecret": "keys"}, "transformer": {"enabled": False}},
        "TensorFlow Serving asks for no keys",
    ),
    (
        "age of readings without a front",
        {"serving": {"maxAgeSeconds": 60}, "transformer": {"enabled": False}},
        "serving.maxAgeSeconds to null",
    ),
    ("keys, but none for helm test", {"serving": {"keysSecret": "keys"}}, "set tests.keySecret"),
    (
        "batch sizes out of order",
        {"serving": {"tfserving": {"batching": {"allowedBatchSizes": [8, 4]}}}},
        "must ascend: 4 comes after 8",
    ),
    (
        "batch size beyond the largest request",
        {"serving": {"tfserving": {"batching": {"maxBatchSize": 64}}}},
        "more than maxBatchSize, 64",
    ),
    ("micro-batch above the batch", {"training": {"batch": 8, "microBatch": 9}}, "a micro-batch is a part of a batch"),
    ("window without length", {"training": {"window": "02:00-02:00"}}, "leave some time between the two"),
    ("more trainings than cards", {"training": {"gpuAtOnce": 2}}, "lower training.gpuAtOnce"),
    ("image that moves", {"image": {"tag": "latest"}}, "give the tag of a release"),
    (
        "server image that moves",
        {"serving": {"tfserving": {"gpuImage": "a/b:latest"}}},
        "serving.tfserving.gpuImage is",
    ),
]
# By the schema: it names the place and what it takes.
OUT_OF_SCHEMA: list[tuple[str, dict[str, Any], str]] = [
    ("unknown name", {"severing": {}}, "additional properties 'severing' not allowed"),
    ("unknown name below", {"gpu": {"count": 1}}, "at '/gpu': additional properties 'count' not allowed"),
    (
        "GPUs in resources",
        {"serving": {"resources": {"limits": {"nvidia.com/gpu": 1}}}},
        "'nvidia.com/gpu' not allowed",
    ),
    ("unknown profile", {"profile": "big"}, "at '/profile': value must be one of 'dedicated', 'shared', 'cpu'"),
    ("unknown runtime", {"serving": {"runtime": "triton"}}, "one of 'tfserving', 'inprocess'"),
    ("text for a number", {"gpu": {"cards": "two"}}, "at '/gpu/cards': got string, want integer"),
    ("no product", {"gpu": {"products": []}}, "at '/gpu/products': minItems: got 0, want 1"),
    ("root", {"security": {"runAsUser": 0}}, "at '/security/runAsUser': minimum: got 0, want 1"),
    ("drains for ever", {"podDisruptionBudget": {"maxUnavailable": 0}}, "maxUnavailable': minimum: got 0, want 1"),
    ("image without a tag", {"serving": {"tfserving": {"image": "tensorflow/serving"}}}, "/serving/tfserving/image"),
    ("model that no store holds", {"serving": {"model": "Weir"}}, "at '/serving/model'"),
    ("work without access", {"work": {"pvc": {"accessModes": []}}}, "at '/work/pvc/accessModes': minItems"),
    ("unknown precision", {"training": {"precision": "half"}}, "at '/training/precision': value must be one of 'auto'"),
    ("window without minutes", {"training": {"window": "2-10"}}, "at '/training/window'"),
    ("claim folder with a slash", {"store": {"pvc": {"path": "/store"}}}, "at '/store/pvc/path'"),
]


@pytest.mark.parametrize(("values", "wanted"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_impossible_values_are_refused_with_the_way_out(chart: Any, values: dict[str, Any], wanted: str) -> None:
    assert wanted in chart.refusal(values)


@pytest.mark.parametrize(
    ("values", "wanted"), [case[1:] for case in OUT_OF_SCHEMA], ids=[case[0] for case in OUT_OF_SCHEMA]
)
def test_the_schema_names_the_place(chart: Any, values: dict[str, Any], wanted: str) -> None:
    assert wanted in chart.refusal(values)


def test_more_replicas_than_the_most_are_refused(chart: Any) -> None:
    assert "more than autoscaling.maxReplicas" in chart.refusal({"autoscaling": {"minReplicas": 9}}, profile="cpu")
