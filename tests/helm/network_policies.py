"""Who may reach whom, by rendered NetworkPolicies: for clusters whose network plugin doesn't enforce them.

Semantics: networking.k8s.io/v1 NetworkPolicy (Kubernetes documentation, "Network Policies"): a pod that no policy
selects for a direction is open in it; else a connection needs one rule that allows it, in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

NAME_LABEL = "kubernetes.io/metadata.name"
Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """One end of a connection.

    Attributes:
        name: as a table calls it.
        namespace: of a pod; empty for an address outside the cluster.
        labels: of a pod.
        address: outside the cluster.
    """

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


@dataclass(frozen=True)
class Network:
    """The policies of a cluster whose namespaces have the one label that Kubernetes gives them.

    Attributes:
        policies: all of them.
    """

    policies: Sequence[Policy]

    def allows(self, source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
        """Whether a connection may be opened."""
        out = self._open(source, target, "Egress", port, protocol)
        return out and self._open(target, source, "Ingress", port, protocol)

    def _open(self, here: Place, there: Place, direction: str, port: int, protocol: str) -> bool:
        chosen = [policy for policy in self.policies if _selects(policy, here, direction)]
        if not chosen:
            return True
        rules, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        return any(
            _port_fits(rule.get("ports"), port, protocol) and _peer_fits(rule.get(peers), there, policy)
            for policy in chosen
            for rule in policy["spec"].get(rules) or []
        )


def _selects(policy: Policy, pod: Place, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    here = pod.namespace != "" and policy["metadata"]["namespace"] == pod.namespace
    return here and direction in types and matches(spec["podSelector"], pod.labels)


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels fit a selector; an empty one fits all."""
    exact = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_expression(each, labels) for each in selector.get("matchExpressions") or [])


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"no operator of a selector: {expression['operator']}")


def _port_fits(ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str) -> bool:
    return not ports or any(_one_port_fits(each, port, protocol) for each in ports)


def _one_port_fits(given: Mapping[str, Any], port: int, protocol: str) -> bool:
    if given.get("protocol", "TCP") != protocol:
        return False
    if "port" not in given:
        return True
    if not isinstance(given["port"], int):
        raise TypeError(f"a port by its name isn't read here: {given['port']}")
    return bool(given["port"] <= port <= given.get("endPort", given["port"]))


def _peer_fits(peers: Sequence[Mapping[str, Any]] | None, there: Place, policy: Policy) -> bool:
    return not peers or any(_one_peer_fits(peer, there, policy) for peer in peers)


def _one_peer_fits(peer: Mapping[str, Any], there: Place, policy: Policy) -> bool:
    if "ipBlock" in peer:
        return _in_block(peer["ipBlock"], there)
    if not there.namespace:
        return False
    if "namespaceSelector" in peer:
        near = matches(peer["namespaceSelector"], {NAME_LABEL: there.namespace})
    else:
        near = there.namespace == policy["metadata"]["namespace"]
    return near and matches(peer.get("podSelector") or {}, there.labels)


def _in_block(block: Mapping[str, Any], there: Place) -> bool:
    if not there.address:
        return False
    address = ip_address(there.address)
    return address in ip_network(block["cidr"]) and not any(
        address in ip_network(hole) for hole in block.get("except") or []
    )
