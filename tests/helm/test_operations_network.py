"""Who may reach whom: the rendered policies, read by an evaluator, against tables."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from network_policies import Network, Place

SERVICE = "reservoir"
OURS = {"app.kubernetes.io/name": "sluice", "app.kubernetes.io/instance": "demo"}


def serving(kind: str) -> Place:
    """A pod as KServe makes it: the InferenceService's labels, the component's, and KServe's own."""
    kserve = {"serving.kserve.io/inferenceservice": SERVICE, "component": kind, "app": f"isvc.{SERVICE}-{kind}"}
    return Place(kind, "forecasts", OURS | {"app.kubernetes.io/component": kind} | kserve)


PLACES = {
    place.name: place
    for place in (
        serving("predictor"),
        serving("transformer"),
        Place("batch", "forecasts", OURS | {"app.kubernetes.io/component": "batch"}),
        Place("test", "forecasts", OURS | {"app.kubernetes.io/component": "test"}),
        Place("step", "forecasts", {"pipelines.kubeflow.org/v2_component": "true"}),
        Place("neighbour", "forecasts", {"app": "other"}),
        Place("gateway", "istio-system", {"app": "istio-ingressgateway"}),
        Place("prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
        Place("other-release", "elsewhere", OURS | {"app.kubernetes.io/component": "batch"}),
        Place("stranger", "elsewhere", {"pipelines.kubeflow.org/v2_component": "true"}),
        Place("dns", "kube-system", {"k8s-app": "kube-dns"}),
        Place("kube-system-pod", "kube-system", {"app": "other"}),
        Place("database", address="10.0.0.5"),
        Place("internet", address="203.0.113.7"),
    )
}
PORTS = (53, 443, 5432, 8080, 8081, 8500, 9000)
FRONT = (8080, 8081, 8500)
BATCH = {"enabled": True, "readings": {"claim": "readings"}, "out": {"claim": "rows"}}
# What no policy of this release is asked about.
FREE = {"step", "neighbour", "gateway", "prometheus", "other-release", "stranger", "dns", "kube-system-pod", "database"}
FREE |= {"internet"}

Reached = dict[tuple[str, str], tuple[int, ...]]


def policies(objects: list[dict[str, Any]]) -> Network:
    return Network([each for each in objects if each["kind"] == "NetworkPolicy"])


def reached(network: Network, free: set[str]) -> Reached:
    """Ports by source and target, where one end at least is a pod that is guarded."""
    table: Reached = {}
    for source, target in product(PLACES.values(), PLACES.values()):
        if source is target or {source.name, target.name} <= free:
            continue
        ports = tuple(port for port in PORTS if network.allows(source, target, port))
        if ports:
            table[source.name, target.name] = ports
    return table


NAMES: Reached = {(name, "dns"): (53,) for name in ("predictor", "batch", "test")}


def test_with_a_transformer_callers_reach_it_alone(chart: Any) -> None:
    network = policies(chart.render({"batch": BATCH}))
    assert reached(network, FREE) == NAMES | {
        ("transformer", "dns"): (53,),
        ("gateway", "transformer"): FRONT,
        ("step", "transformer"): FRONT,
        ("batch", "transformer"): FRONT,
        ("test", "transformer"): FRONT,
        ("prometheus", "transformer"): (8080,),
        ("prometheus", "predictor"): (8080,),
        ("transformer", "predictor"): (9000,),
        ("step", "predictor"): (8080, 9000),
    }


def test_the_in_process_server_is_reached_by_all_its_ports(chart: Any) -> None:
    network = policies(chart.render({"batch": BATCH}, "cpu"))
    free = FREE | {"transformer"}
    assert {pair: ports for pair, ports in reached(network, free).items() if "transformer" not in pair} == NAMES | {
        ("gateway", "predictor"): FRONT,
        ("step", "predictor"): FRONT,
        ("batch", "predictor"): FRONT,
        ("test", "predictor"): FRONT,
        ("prometheus", "predictor"): (8080,),
    }


@pytest.mark.parametrize("trusted", [False, True])
def test_without_a_transformer_callers_reach_model_service_only_where_told(chart: Any, trusted: bool) -> None:
    values = {
        "transformer": {"enabled": False},
        "batch": BATCH,
        "networkPolicy": {"callersReachModelService": trusted},
    }
    network = policies(chart.render(values))
    free = FREE | {"transformer"}
    assert {pair: ports for pair, ports in reached(network, free).items() if "transformer" not in pair} == NAMES | {
        ("gateway", "predictor"): (8080, 9000) if trusted else (8080,),
        ("step", "predictor"): (8080, 9000),
        ("batch", "predictor"): (8080, 9000),
        ("test", "predictor"): (8080, 9000),
        ("prometheus", "predictor"): (8080,),
    }


def test_the_whole_namespace_can_be_denied(chart: Any) -> None:
    egress = [{"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"protocol": "TCP", "port": 5432}]}]
    values = {"batch": BATCH, "networkPolicy": {"wholeNamespace": True, "steps": {"egress": egress}}}
    found = reached(policies(chart.render(values)), FREE - {"step", "neighbour"})
    usual = reached(policies(chart.render({"batch": BATCH})), FREE)
    assert found == usual | {("step", "dns"): (53,), ("step", "database"): (5432,)}


def test_egress_and_callers_are_added_as_given(chart: Any) -> None:
    to_database = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 5432}]}]
    to_s3 = [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]}]
    own = {
        "gatewayNamespaces": [],
        "callers": [{"podSelector": {"matchLabels": {"app": "other"}}}],
        "batch": {"egress": to_database},
        "serving": {"egress": to_s3},
    }
    found = reached(policies(chart.render({"batch": BATCH, "networkPolicy": own})), FREE)
    assert found["batch", "database"] == (5432,)
    assert found["predictor", "internet"] == found["transformer", "internet"] == (443,)
    assert found["neighbour", "transformer"] == FRONT
    assert ("neighbour", "predictor") not in found
    assert ("gateway", "transformer") not in found


def test_dns_is_asked_by_both_protocols_and_elsewhere_where_told(chart: Any) -> None:
    dns = {
        "namespace": "openshift-dns",
        "podLabels": {"dns": "default"},
        "ports": [5353],
        "cidrs": ["169.254.20.10/32"],
    }
    network = policies(chart.render({"networkPolicy": {"dns": dns}}))
    server = Place("server", "openshift-dns", {"dns": "default"})
    for protocol in ("TCP", "UDP"):
        assert network.allows(serving("transformer"), server, 5353, protocol)
        assert network.allows(serving("transformer"), Place("cache", address="169.254.20.10"), 5353, protocol)
    assert not network.allows(serving("transformer"), PLACES["dns"], 53, "UDP")


def test_policies_can_be_left_out(chart: Any) -> None:
    objects = chart.render({"networkPolicy": {"enabled": False}})
    assert not policies(objects).policies
    assert policies(chart.render()).policies


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"networkPolicy": {"gatewayNamespaces": []}}, "nobody may ask the service"),
        ({"transformer": {"enabled": False}, "serving": {"deploymentMode": "Knative"}}, "Knative's sidecar"),
        (
            {
                "transformer": {"enabled": False},
                "routes": {"gateway": {"name": "g"}, "grpc": {"enabled": True, "hosts": ["a.example.com"]}},
            },
            "callersReachModelService",
        ),
        (
            {"monitoring": {"podMonitor": {"enabled": True}}, "networkPolicy": {"prometheusNamespaces": []}},
            "networkPolicy.prometheusNamespaces",
        ),
        ({"networkPolicy": {"callers": [{"podselector": {}}]}}, "additional properties 'podselector' not allowed"),
    ],
)
def test_policies_that_close_what_is_needed_are_refused(chart: Any, values: dict[str, Any], said: str) -> None:
    assert said in chart.refusal(values)


def one(spec: dict[str, Any]) -> Network:
    return Network([{"metadata": {"namespace": "a"}, "spec": spec}])


class TestEvaluator:
    """The evaluator against what Kubernetes documents."""

    here, near, far = Place("x", "a", {"app": "x"}), Place("y", "a", {"app": "y"}), Place("z", "b", {"app": "y"})

    def test_without_a_policy_all_is_open(self) -> None:
        assert Network([]).allows(self.far, self.here, 1)

    def test_a_policy_without_rules_closes(self) -> None:
        closed = one({"podSelector": {}, "policyTypes": ["Ingress"]})
        assert not closed.allows(self.near, self.here, 1)
        assert closed.allows(self.here, self.far, 1)

    def test_an_empty_rule_opens_and_an_empty_list_does_not(self) -> None:
        assert one({"podSelector": {}, "ingress": [{}]}).allows(self.far, self.here, 1)
        assert not one({"podSelector": {}, "ingress": []}).allows(self.far, self.here, 1)

    def test_both_selectors_of_a_peer_must_fit_and_two_peers_are_alternatives(self) -> None:
        space, pod = {"matchLabels": {"kubernetes.io/metadata.name": "b"}}, {"matchLabels": {"app": "y"}}
        both = one({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": space, "podSelector": pod}]}]})
        either = one({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": space}, {"podSelector": pod}]}]})
        assert both.allows(self.far, self.here, 1)
        assert not both.allows(self.near, self.here, 1)
        assert either.allows(self.near, self.here, 1)

    def test_a_pod_selector_alone_is_of_the_policys_namespace(self) -> None:
        rule = {"from": [{"podSelector": {"matchLabels": {"app": "y"}}}]}
        network = one({"podSelector": {}, "ingress": [rule]})
        assert network.allows(self.near, self.here, 1)
        assert not network.allows(self.far, self.here, 1)

    def test_ports_ranges_and_protocols(self) -> None:
        network = one({"podSelector": {}, "ingress": [{"ports": [{"port": 10, "endPort": 12}]}]})
        assert [port for port in range(9, 14) if network.allows(self.near, self.here, port)] == [10, 11, 12]
        assert not network.allows(self.near, self.here, 11, "UDP")

    def test_blocks_have_holes(self) -> None:
        block = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}
        network = one({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": block}]}]})
        assert network.allows(self.here, Place("p", address="10.2.0.1"), 1)
        assert not network.allows(self.here, Place("q", address="10.1.0.1"), 1)

    def test_egress_counts_too(self) -> None:
        spec = {"podSelector": {"matchLabels": {"app": "y"}}, "policyTypes": ["Egress"]}
        assert not one(spec).allows(self.near, self.here, 1)
