"""Plans, and the model of kube-scheduler, against the real one with the same pods on simulated nodes."""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from control_plane import TOOL, ControlPlane, free_ports
from scheduler_clock import PROBE_PRIORITY, Clock, Found, Scheduler, class_of, products_of

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.plan.answer import Answer, Order
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem, Service
from pipelines.capacity.schedule.kube import Node, Pod, expected_placement, pods_of
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.ways import longest_first
from pipelines.capacity.schedule.workloads import (
    EXTRAS_PRIORITY,
    SERVING_PRIORITY,
    TRAINING_PRIORITY,
    Training,
    ensemble,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not TOOL.is_file(), reason="there is no ../shared/cluster"),
    # The scheduler's own port has a certificate that nobody signed.
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
HOME = "/var/tmp/sluice-control-plane"
V100, T4, A100 = "v100-sxm2-32gb", "t4", "a100-sxm4-40gb"
GIB = 2**30
GB = 10**9
# What `gpu_pod` requests, and what a simulated node has of memory.
CPU_MILLICORES, POD_BYTES, NODE_BYTES = 1_000, GIB, 128 * GIB
PRIORITIES = (EXTRAS_PRIORITY, TRAINING_PRIORITY, SERVING_PRIORITY, PROBE_PRIORITY)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane with classes of all priorities."""
    home = os.environ.get("CONTROL_PLANE_HOME", HOME) + "-scheduler"
    running = ControlPlane(Path(home), free_ports())
    running.tool("up", "--control-plane")
    try:
        for priority in PRIORITIES:
            for preempts in (True, False):
                assert running.create("default", priority_class(priority, preempts)) == ""
        yield running
    finally:
        running.tool("down")


def priority_class(priority: int, preempts: bool) -> dict[str, object]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": class_of(priority, preempts)},
        "value": priority,
        "preemptionPolicy": "PreemptLowerPriority" if preempts else "Never",
    }


@pytest.fixture
def space(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace; it and its nodes are gone afterwards."""
    name = f"s-{abs(hash(request.node.name)) % 10**8}"
    plane.restricted(name)
    yield name
    plane.remove(name)
    plane.kubectl("delete", "nodes", "-l", f"test={name}")


@pytest.fixture(scope="module")
def answer() -> Answer:
    """A plan for two V100s and two T4s, serving on the CPU."""
    catalogue = load_catalogue()
    wishes = Wishes(cards="v100-sxm2-32gb x2, t4 x2", serve_on="cpu", folds=5)
    return assess(request_of(wishes, catalogue), Knowledge(catalogue))


Told = Callable[[str, object], None]
Played = Callable[[Sequence[Pod], Sequence[Node]], Found]


@pytest.fixture
def played(plane: ControlPlane, space: str) -> Played:
    """Plays pods on nodes that are made for it, and compares with the model all that became of them."""

    def run(pods: Sequence[Pod], nodes: Sequence[Node]) -> Found:
        for node in nodes:
            plane.tool(
                *("gpu-node", node.name, "--product", products_of(node.kind)[0], "--gpus", str(node.gpus), "--taint"),
                *("--cpus", str(node.cpu_millicores // 1_000), "--label", f"test={space}"),
            )
        found = Clock(Scheduler(plane, space), pods, nodes).play()
        agrees(found, nodes)
        return found

    return run


def agrees(found: Found, nodes: Sequence[Node]) -> None:
    """Fails where the model, following the cluster's choices among equally good nodes, says anything else."""
    taken = defaultdict(deque, {pod.name: deque(found.on(pod.name)) for pod in found.pods})

    def choose(pod: str, equally_good: tuple[str, ...]) -> str:
        node = taken[pod].popleft() if taken[pod] else ""
        return node if node in equally_good else equally_good[0]

    expected = expected_placement(found.pods, nodes, choose)
    assert found.bindings == tuple(replace(each, equally_good=()) for each in expected.bindings), expected
    assert sorted(found.pending) == sorted(expected.pending)
    never_more_than_there_are(found, nodes)


def never_more_than_there_are(found: Found, nodes: Sequence[Node]) -> None:
    """Fails where a node at any time held more cards than it has."""
    gpus = {pod.name: pod.gpus for pod in found.pods}
    for node in nodes:
        own = [each for each in found.bindings if each.node == node.name]
        for at in own:
            held = [each for each in own if each.begin_s <= at.begin_s and (each.end_s or 10**9) > at.begin_s]
            assert sum(gpus[each.pod] for each in held) <= node.gpus


def node(name: str, kind: str, gpus: int, cpus: int = 16) -> Node:
    return Node(name, kind, gpus, cpus * 1_000, NODE_BYTES)


def in_turn(jobs: Iterable[Job], first_s: int = 0) -> tuple[Pod, ...]:
    """The pods of jobs, a second apart where they are released at once, with names that Kubernetes takes."""
    pods, second = [], first_s - 1
    for pod in pods_of(jobs, CPU_MILLICORES, POD_BYTES):
        second = max(second + 1, pod.created_s)
        pods.append(replace(pod, name=named(pod.name), created_s=second))
    return tuple(pods)


def named(job: str) -> str:
    return re.sub("[^a-z0-9]+", "-", job)


def order_of(answer: Answer, title: str) -> Order:
    return next(each for each in answer.orders if each.title == title)


def no_earlier_than_planned(found: Found, plan: Schedule, told: Told, at_least: float = 1.0) -> None:
    """Fails where the cluster ended before a second that no plan ends before; tells how much longer it took."""
    factor = found.makespan_s / plan.makespan_seconds
    told("the cluster's makespan over the plan's", round(factor, 3))
    print(f"{found.makespan_s} s on the cluster, {plan.makespan_seconds} s planned: {factor:.3f} times")
    assert found.makespan_s >= plan.lower_bound_seconds
    assert factor >= at_least


def test_five_members_are_bound_as_the_model_says_and_end_no_earlier_than_the_best_plan(
    played: Played, answer: Answer, record_property: Told
) -> None:
    order = order_of(answer, "a cycle, best found")
    nodes = [node("v100", V100, 2), node("t4", T4, 2)]
    found = played(in_turn(order.problem.jobs), nodes)
    assert (len(found.bindings), found.pending) == (5, ())
    assert order.schedule.proven_best
    no_earlier_than_planned(found, order.schedule, record_property)
    # The plan keeps a V100 for the longest; the scheduler spreads pods over nodes, whatever their cards.
    assert sorted(found.on(named(job.name))[0] for job in order.problem.jobs[:4]) == ["t4", "t4", "v100", "v100"]


def test_five_folds_of_five_members_are_bound_as_the_model_says_over_unlike_nodes(
    played: Played, answer: Answer, record_property: Told
) -> None:
    order = order_of(answer, "5 folds x 5 members")
    nodes = [node("small", V100, 1), node("large", V100, 1, cpus=64), node("t4", T4, 2, cpus=32)]
    pods = in_turn(order.problem.jobs)
    found = played(pods, nodes)
    assert (len(found.bindings), found.pending) == (25, ())
    expected = expected_placement(found.pods, nodes)
    assert {len(each.equally_good) for each in expected.bindings} == {1}, "unlike nodes leave nothing to chance"
    assert [each.pod for each in found.bindings] == [pod.name for pod in pods], "first come, first served"
    # By free CPU and memory alone: a small node with no pod is better than one with twice its CPU and one pod.
    assert [each.node for each in found.bindings][:4] == ["large", "t4", "small", "t4"]
    no_earlier_than_planned(found, order.schedule, record_property)


def test_serving_takes_the_card_of_the_youngest_training_and_training_that_of_extras(
    played: Played, record_property: Told
) -> None:
    members = [
        Training(name, {V100: seconds}, 24 * GB, checkpoint_loss_seconds=10, restart_seconds=30)
        for name, seconds in {"first": 4_000, "second": 5_000, "third": 3_000}.items()
    ]
    extras = replace(Training("extras", {V100: 900}, GB).job("extras", "extras"), priority=EXTRAS_PRIORITY)
    trained = [replace(job, release_s=1) for job in ensemble(members)]
    serving = Job("serving", "serving", {V100: 6_000}, 14 * GB, priority=SERVING_PRIORITY, release_s=100)
    jobs = (extras, *trained, serving)
    plan = longest_first(Problem(tuple(CardSlot(f"v100 {number}", V100, 32 * GIB) for number in range(3)), jobs))

    pods = in_turn(jobs)
    polite = replace(pods[-1], name="polite", created_s=150, preempts=False)
    found = played((*pods, polite), [node("two", V100, 2), node("one", V100, 1)])

    assert [each.pod for each in found.bindings if each.preempted] == ["extras", "ensemble-third"]
    assert found.on("serving") == found.on("ensemble-third")[:1]
    begins = {each.pod: each.begin_s for each in found.bindings if not each.preempted}
    assert begins["serving"] == plan.begins["serving"] == 100
    assert sorted(begins, key=lambda pod: begins[pod])[-3:] == ["polite", "ensemble-third", "extras"]
    assert found.pending == ()
    no_earlier_than_planned(found, plan, record_property)


def test_pods_that_no_card_is_free_for_stay_pending_beside_idle_cards_of_other_kinds(
    played: Played, record_property: Told
) -> None:
    members = [Training(name, {V100: 1_000, T4: 1_300}, 6 * GB) for name in ("first", "second", "third")]
    large, foreign = Training("large", {V100: 3_000}, 24 * GB), Training("foreign", {A100: 500}, 24 * GB)
    cards = (CardSlot("v100", V100, 32 * GIB), CardSlot("t4 1", T4, 15 * GIB), CardSlot("t4 2", T4, 15 * GIB))
    jobs = ensemble((large, foreign, *members))
    plan = longest_first(Problem(cards, jobs, (Service("serving", 24 * GB, "v100"),)))

    trained = in_turn(jobs, first_s=1)
    serving = Pod("serving", (V100,), SERVING_PRIORITY, 1, CPU_MILLICORES, POD_BYTES, recreated=False)
    pair = replace(trained[-1], name="pair", kinds=(T4,), gpus=2, created_s=10)
    found = played((serving, *trained, pair), [node("v100", V100, 1), node("t4-1", T4, 1), node("t4-2", T4, 1)])

    assert set(found.pending) == {named(each.job) for each in plan.unplaced} | {"pair"}
    assert {named(each.job) for each in plan.unplaced} == {"ensemble-large", "ensemble-foreign"}
    # The plan trains a member beside serving; on the cluster a card has one holder.
    no_earlier_than_planned(found, plan, record_property, at_least=2.0)
