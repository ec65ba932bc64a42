from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.cluster.doctor.api import judge_clock, judge_version
from pipelines.cluster.doctor.cards import card_findings, judge_driver, judge_node
from pipelines.cluster.doctor.kserve import judge_gateway, judge_kserve, judge_mode
from pipelines.cluster.doctor.kubeflow import Server, judge_kubeflow
from pipelines.cluster.doctor.space import judge_labels, judge_quotas, judge_storage
from pipelines.cluster.pending.snapshot import Node, Quota, Surroundings

KINDS = {"argoproj.io": frozenset({"workflows.v1alpha1"}), "kubeflow.org": frozenset({"scheduledworkflows.v1beta1"})}
API = Server("kubeflow", "ml-pipeline", 1, 1, "registry/api-server:2.17.0")
SCHEDULER = Server("kubeflow", "ml-pipeline-scheduledworkflow", 1, 1, "registry/controller:2.17.0")


def gpu_node(labels: dict[str, str], cards: int = 1) -> Node:
    return Node("n", {"nvidia.com/gpu.product": "x", **labels}, (), {"nvidia.com/gpu": Decimal(cards)})


@pytest.mark.parametrize(
    ("driver", "cuda", "compute", "level"),
    [
        ("570", "12", "7.0", "ok"),
        ("525", "12", "7.5", "ok"),
        ("590", "13", "8.0", "ok"),
        ("590", "13", "7.0", "warn"),
        ("470", "11", "7.0", "fail"),
        ("520", "", "7.0", "fail"),
        ("570", "12", "5.2", "fail"),
        ("", "", "7.0", "warn"),
    ],
)
def test_a_driver_is_held_against_what_tensorflow_needs(driver: str, cuda: str, compute: str, level: str) -> None:
    major, minor = compute.split(".")
    labels = {
        "nvidia.com/cuda.driver.major": driver,
        "nvidia.com/cuda.runtime.major": cuda,
        "nvidia.com/gpu.compute.major": major,
        "nvidia.com/gpu.compute.minor": minor,
    }
    [found] = judge_driver(gpu_node({key: value for key, value in labels.items() if value}))
    assert found.level == level
    assert bool(found.fix) == (level != "ok")


def test_cards_that_are_not_offered_and_products_that_are_not_labelled_fail() -> None:
    silent = Node("silent", {"nvidia.com/gpu.present": "true", "nvidia.com/gpu.product": "x"}, (), {})
    bare = Node("bare", {}, (), {"nvidia.com/gpu": Decimal(1)})
    found = card_findings(Surroundings("team", datetime.now(UTC), (silent, bare)))
    failed = {one.subject: one.what for one in found if one.level == "fail"}
    assert set(failed) == {"node silent", "gpu labels"}


@pytest.mark.parametrize(
    ("product", "fix"),
    [
        ("NVIDIA-A100-SXM4-40GB", "gpu.products={NVIDIA-A100-SXM4-40GB}"),
        ("Tesla-V100-SXM2-32GB-SHARED", "gpu.products={Tesla-V100-SXM2-32GB-SHARED}"),
        ("tesla-v100-sxm2-32gb", "kubectl label node n --overwrite nvidia.com/gpu.product=Tesla-V100-SXM2-32GB"),
    ],
)
def test_cards_that_no_profile_names_are_told_with_the_name_to_give(product: str, fix: str) -> None:
    node = gpu_node({"nvidia.com/gpu.product": product})
    found = card_findings(Surroundings("team", datetime.now(UTC), (node,)))
    [wrong] = [one for one in found if one.level == "fail"]
    assert (wrong.subject, fix in wrong.fix) == ("gpu labels", True)


def test_one_node_with_a_card_of_the_profiles_is_enough() -> None:
    nodes = (gpu_node({}), gpu_node({"nvidia.com/gpu.product": "Tesla-V100-PCIE-16GB"}))
    found = card_findings(Surroundings("team", datetime.now(UTC), nodes))
    assert {one.level for one in found} == {"ok", "warn"}


@pytest.mark.parametrize(("labels", "cards"), [({"gpu.count": "4"}, 3), ({"gpu.count": "1", "gpu.replicas": "4"}, 2)])
def test_cards_that_a_node_has_and_does_not_offer_are_told(labels: dict[str, str], cards: int) -> None:
    node = gpu_node({f"nvidia.com/{key}": value for key, value in labels.items()}, cards)
    found = judge_node(node, Surroundings("team", datetime.now(UTC), (node,)))
    assert (found[0].level, f"label nvidia.com/gpu.count says {4}" in found[0].what) == ("warn", True)


def test_a_cluster_without_cards_is_fit_for_the_profile_cpu() -> None:
    [found] = card_findings(Surroundings("team", datetime.now(UTC), ()))
    assert (found.level, "profile cpu" in found.fix) == ("warn", True)


@pytest.mark.parametrize(("seconds", "level"), [(0, "ok"), (-4, "ok"), (30, "warn"), (-30, "warn"), (3600, "fail")])
def test_clocks_that_differ_are_told(seconds: int, level: str) -> None:
    assert judge_clock(timedelta(seconds=seconds)).level == level


@pytest.mark.parametrize(("version", "level"), [("1.34", "ok"), ("1.28+", "ok"), ("1.27", "fail")])
def test_an_old_cluster_is_told(version: str, level: str) -> None:
    assert judge_version(version, "x").level == level


def test_a_server_of_kubeflow_that_does_not_answer_fails() -> None:
    down = Server("kubeflow", "ml-pipeline", 0, 1)
    levels = [one.level for one in judge_kubeflow((down, SCHEDULER), KINDS)]
    assert levels == ["fail", "ok", "ok"]


def test_without_its_scheduler_recurring_runs_never_start() -> None:
    found = judge_kubeflow((API,), KINDS)
    assert [one.level for one in found] == ["ok", "warn"]
    assert "recurring runs never start" in found[1].what


def test_kinds_without_servers_are_half_an_installation() -> None:
    assert judge_kubeflow((), KINDS)[0].level == "fail"
    assert judge_kubeflow(None, KINDS)[0].level == "warn"


@pytest.mark.parametrize(
    ("mode", "level"),
    [("Standard", "ok"), ("RawDeployment", "ok"), ("Knative", "warn"), ("Serverless", "warn"), ("", "warn")],
)
def test_the_mode_of_kserve_is_told(mode: str, level: str) -> None:
    found = judge_mode({"deploy": json.dumps({"defaultDeploymentMode": mode})})
    assert found.level == level


def test_settings_of_kserve_that_are_no_json_are_no_crash() -> None:
    assert judge_mode({"deploy": "{"}).level == "warn"


def test_an_older_kserve_lacks_kinds() -> None:
    [found] = judge_kserve({"serving.kserve.io": frozenset({"inferenceservices.v1alpha2"})}, (), {})
    assert found.level == "fail"


def test_a_gateway_api_without_grpc_routes_is_told() -> None:
    served = {"gateway.networking.k8s.io": frozenset({"gateways.v1", "httproutes.v1"})}
    assert "grpcroutes" in judge_gateway(served, None).what


@pytest.mark.parametrize(
    ("classes", "level"),
    [({"nfs": True}, "ok"), ({"nfs": False}, "fail"), ({}, "fail"), ({"a": True, "b": True}, "warn"), (None, "warn")],
)
def test_storage_without_a_default_is_told(classes: dict[str, bool] | None, level: str) -> None:
    assert judge_storage(classes).level == level


def test_a_quota_of_no_gpu_is_told() -> None:
    none = Quota("gpus", {"requests.nvidia.com/gpu": Decimal(0)}, {"requests.nvidia.com/gpu": Decimal(0)})
    [found] = judge_quotas("team", [none], has_defaults=True)
    assert (found.level, "allows no GPU" in found.what) == ("warn", True)


def test_the_level_of_pod_security_is_told() -> None:
    assert judge_labels("team", {})[0].level == "ok"
    assert judge_labels("team", {"pod-security.kubernetes.io/enforce": "restricted"})[0].level == "warn"


def test_the_commands_are_listed_without_importing_a_client() -> None:
    code = "import sys, pipelines.cli.main; print({'kubernetes', 'kfp', 'kfp_server_api'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
