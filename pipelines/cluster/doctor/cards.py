"""GPU nodes: cards, labels, and drivers against what TensorFlow was built for."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.cluster.doctor.finding import Finding, fail, ok, warn
from pipelines.cluster.pending.snapshot import GPU, Node, Surroundings

_PRODUCT, _COUNT = "nvidia.com/gpu.product", "nvidia.com/gpu.count"
_REPLICAS = "nvidia.com/gpu.replicas"
_PRESENT = ("nvidia.com/gpu.present", "feature.node.kubernetes.io/pci-10de.present")
# It brings the drivers, the device plug-in and GPU feature discovery.
_OPERATOR = "helm install gpu-operator nvidia/gpu-operator --namespace gpu-operator --create-namespace"
# TensorFlow 2.21's wheels bring CUDA 12; minor versions of one CUDA run on each driver from its first one on
# (CUDA Compatibility guide, "Minor Version Compatibility").
_CUDA = 12
_OLDEST_DRIVER = 525
# They hold code for compute capability 6.0 and later.
_OLDEST_COMPUTE = 6
_VOLTA = (7, 0)
# The last branch of drivers with support for Volta.
_LAST_FOR_VOLTA = 580


def card_findings(around: Surroundings | None) -> list[Finding]:
    """What there is to train and to serve on."""
    if around is None:
        return [warn("gpus", "you may not read nodes", "ask for the right: kubectl auth can-i list nodes")]
    nodes = [node for node in around.nodes if node.offers.get(GPU) or _has_card(node)]
    if not nodes:
        fix = f"add a GPU node and: {_OPERATOR}; or deploy and submit with the profile cpu"
        return [warn("gpus", "no node offers nvidia.com/gpu", fix)]
    findings = [finding for node in nodes for finding in judge_node(node, around)]
    return [*findings, *judge_products(nodes, _named_products())]


def judge_node(node: Node, around: Surroundings) -> list[Finding]:
    """Cards of a node, and its driver."""
    cards = int(node.offers.get(GPU, 0))
    subject = f"node {node.name}"
    if not cards:
        fix = "kubectl get pods -A -l app=nvidia-device-plugin-daemonset -o wide"
        return [fail(subject, "has a card, and offers none: its device plug-in doesn't run", fix)]
    labelled = (_number(node, _COUNT) or 0) * (_number(node, _REPLICAS) or 1)
    free = int(max(around.free(node).get(GPU, 0), 0))
    state = "" if node.ready and not node.cordoned else ", but takes no pods"
    said = f"{cards} x {node.labels.get(_PRODUCT, 'unknown card')}, {free} free{state}"
    if state:
        return [warn(subject, said, f"kubectl uncordon {node.name}"), *judge_driver(node)]
    if cards < labelled:
        what = f"{said}; label {_COUNT} says {labelled}, so the device plug-in takes {labelled - cards} for broken"
        fix = f"kubectl debug node/{node.name} -it --image=busybox -- dmesg  (look for NVRM: Xid)"
        return [warn(subject, what, fix), *judge_driver(node)]
    return [ok(subject, said), *judge_driver(node)]


def judge_driver(node: Node) -> list[Finding]:
    """The driver's labels against TensorFlow."""
    subject = f"driver of {node.name}"
    driver = _number(node, "nvidia.com/cuda.driver-version.major", "nvidia.com/cuda.driver.major")
    cuda = _number(node, "nvidia.com/cuda.runtime-version.major", "nvidia.com/cuda.runtime.major")
    if driver is None:
        return [warn(subject, "no label says its version: GPU feature discovery doesn't run there", _OPERATOR)]
    compute = (_number(node, "nvidia.com/gpu.compute.major"), _number(node, "nvidia.com/gpu.compute.minor") or 0)
    if compute[0] is not None and compute[0] < _OLDEST_COMPUTE:
        what = f"compute capability {compute[0]}.{compute[1]}; TensorFlow 2.21 begins at {_OLDEST_COMPUTE}.0"
        return [fail(subject, what, "train and serve on another card, or with the profile cpu")]
    if driver < _OLDEST_DRIVER or (cuda is not None and cuda < _CUDA):
        known = f"driver {driver} is for CUDA {cuda or 'older than 12'}"
        what = f"{known}; TensorFlow 2.21 needs {_CUDA}, and driver {_OLDEST_DRIVER} or later"
        return [fail(subject, what, _upgrade(compute))]
    if compute == _VOLTA and driver > _LAST_FOR_VOLTA:
        what = f"driver {driver} is newer than the last branch with Volta, {_LAST_FOR_VOLTA}"
        return [warn(subject, what, _upgrade(compute))]
    return [ok(subject, f"{driver} (CUDA up to {cuda or '?'}) runs TensorFlow 2.21's CUDA {_CUDA}")]


def judge_products(nodes: Sequence[Node], named: Sequence[str]) -> list[Finding]:
    """Whether nodes have a label for their product, and one of them a product that the profiles name."""
    bare = [node.name for node in nodes if _PRODUCT not in node.labels]
    if bare:
        fix = f"{_OPERATOR}, or: kubectl label node {bare[0]} {_PRODUCT}={named[0]}"
        what = f"node {', '.join(bare)} has no label {_PRODUCT}: profiles that name products don't find it"
        return [fail("gpu labels", what, fix)]
    if any(node.labels[_PRODUCT] in named for node in nodes):
        return []
    first = nodes[0].labels[_PRODUCT]
    what = f"no node has a card that the profiles dedicated and shared name: there is {first} (node {nodes[0].name})"
    slip = next((name for name in named if name.casefold() == first.casefold()), None)
    if slip:
        return [fail("gpu labels", what, f"kubectl label node {nodes[0].name} --overwrite {_PRODUCT}={slip}")]
    fix = f"helm upgrade ... --set 'gpu.products={{{first}}}', and accelerator.products in a profile of your own"
    return [fail("gpu labels", what, fix)]


def _named_products() -> tuple[str, ...]:
    """Products in the profiles that use cards."""
    from pipelines.platform.profile import load_profile

    asked = (load_profile(name).step("train").accelerator for name in ("dedicated", "shared"))
    return tuple(dict.fromkeys(product for one in asked if one for product in one.products))


def _has_card(node: Node) -> bool:
    return any(node.labels.get(label) == "true" for label in _PRESENT)


def _number(node: Node, *labels: str) -> int | None:
    value = next((node.labels[label] for label in labels if label in node.labels), "")
    return int(value) if value.isdigit() else None


def _upgrade(compute: tuple[int | None, int]) -> str:
    branch = f"{_LAST_FOR_VOLTA}" if compute == _VOLTA else f"{_OLDEST_DRIVER} or later"
    return (
        f"helm upgrade gpu-operator nvidia/gpu-operator --reuse-values --set driver.version=VERSION (branch {branch})"
    )
