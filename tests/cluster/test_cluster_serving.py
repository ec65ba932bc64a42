"""The chart on a node where pods run: what it serves answers, and stays so through upgrade and rollback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.clients.client import PROTOCOLS

sys.path.insert(0, str(Path(__file__).parent))
from control_plane import ROOT
from node import Node
from release import CLAIMS, KINDS, PORTS, PREDICTOR, WINDOW, Asked, Release, asking
from river import MODEL, River, publish

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]
GATEWAY = "http://10.244.0.1"


@pytest.fixture(scope="module")
def on_cpu(node: Node, river: River) -> Iterator[Release]:
    """The chart without a card, serving version 1."""
    release = installed(node, "serving-cpu", "cpu", river)
    yield release
    node.kubectl("delete", "namespace", release.namespace, "--wait=false")


def installed(node: Node, namespace: str, profile: str, river: River) -> Release:
    """A release whose store got its first champion after the pods were there."""
    node.namespace(namespace)
    release = Release(node, namespace, profile)
    release.install()
    node.wait("the server waits for a champion", lambda: waits(node, namespace), 90)
    assert publish(release.store, river.versions[0]) == 1
    release.wait_ready()
    return release


def waits(node: Node, namespace: str) -> bool:
    said = node.kubectl("logs", "-n", namespace, "-l", "component=predictor").stdout
    return "waiting for the first champion" in said


def test_the_service_answers_by_every_protocol(on_cpu: Release) -> None:
    assert on_cpu.versions() == {1}


def test_what_is_served_keeps_the_contract_of_the_server(on_cpu: Release) -> None:
    given = {
        "HTTP": f"http://{on_cpu.host}",
        "GRPC": f"{on_cpu.host}:{PORTS['v2-grpc']}",
        "PREDICT": f"{on_cpu.host}:{PORTS['tfserving']}",
        "STORE": str(on_cpu.store),
        "MODEL": MODEL,
    }
    # Options of the run around it would change its summary.
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    environment = {**own, **{f"SLUICE_CONTRACT_{name}": value for name, value in given.items()}}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/serving/contract"]
    done = subprocess.run(
        [*command, "-k", "inference-service"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.splitlines()[-1]
    assert "skipped" not in summary
    assert int(summary.split(" passed")[0].split()[-1]) > 50


def test_the_ingress_leads_to_it(on_cpu: Release) -> None:
    body = json.dumps({"instances": [{"window": WINDOW[0].tolist()}]}).encode()
    request = urllib.request.Request(f"{GATEWAY}/v1/models/{MODEL}:predict", body)
    request.add_header("Host", f"{MODEL}-{on_cpu.namespace}.example.com")
    with urllib.request.urlopen(request, timeout=30) as reply:
        answer = json.load(reply)
    assert answer["model_version"] == "1"
    assert answer["predictions"][0]["forecast"] == pytest.approx(on_cpu.ask("v1").forecast[0].tolist(), rel=1e-5)


def test_helm_test_asks_by_rest_and_grpc(on_cpu: Release) -> None:
    said = on_cpu.test()
    assert f"{MODEL} version 1 by v2" in said
    assert f"{MODEL} version 1 by tfserving" in said


def test_a_new_champion_is_served_without_a_new_pod(on_cpu: Release, river: River) -> None:
    before = on_cpu.pods()
    with asking(on_cpu) as asked:
        assert publish(on_cpu.store, river.versions[1]) == 2
        on_cpu.node.wait("version 2 answers", lambda: on_cpu.versions() == {2})
    assert_all_answered(asked)
    assert on_cpu.pods() == before


def test_upgrade_and_rollback_lose_no_request(on_cpu: Release) -> None:
    with asking(on_cpu) as by_rest, asking(on_cpu, "tfserving") as by_grpc:
        on_cpu.install("serving.inprocess.maxInFlight=16")
        on_cpu.wait_rolled_out("--max-in-flight=16")
        assert on_cpu.versions() == {2}
        on_cpu.roll_back(1)
        on_cpu.wait_rolled_out("--max-in-flight=32")
        assert on_cpu.versions() == {2}
    assert_all_answered(by_rest)
    assert_all_answered(by_grpc)


def test_uninstall_leaves_the_claims_and_the_next_install_finds_its_champion(on_cpu: Release) -> None:
    on_cpu.uninstall()
    assert on_cpu.left(*KINDS) == CLAIMS
    on_cpu.install()
    on_cpu.wait_ready()
    assert on_cpu.versions() == {2}


def test_on_a_card_of_its_own_it_is_installed_upgraded_rolled_back_and_uninstalled(node: Node, river: River) -> None:
    """`shared` has the same story with training in test_cluster_training.py."""
    release = installed(node, "serving-dedicated", "dedicated", river)
    (pod,) = node.get("pods", "-n", release.namespace, "-l", "component=predictor")["items"]
    assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert release.versions() == {1}
    release.test()
    release.install("serving.inprocess.maxInFlight=16")
    release.wait_rolled_out("--max-in-flight=16")
    assert [release.ask(protocol).version for protocol in PROTOCOLS] == [1] * 4
    release.roll_back(1)
    release.wait_rolled_out("--max-in-flight=32")
    assert release.versions() == {1}
    release.uninstall()
    assert release.left(*KINDS) == CLAIMS
    node.kubectl("delete", "namespace", release.namespace, "--wait=false")


def test_the_service_account_of_serving_has_no_token(on_cpu: Release) -> None:
    (pod, *_) = on_cpu.pods()
    looked = on_cpu.node.kubectl(
        "exec", "-n", on_cpu.namespace, pod, "--", "ls", "/var/run/secrets/kubernetes.io/serviceaccount"
    )
    assert looked.returncode != 0
    assert on_cpu.node.get("service", PREDICTOR, "-n", on_cpu.namespace)["spec"]["type"] == "ClusterIP"


def assert_all_answered(asked: Asked) -> None:
    assert asked.failed == []
    assert asked.answered > 5
