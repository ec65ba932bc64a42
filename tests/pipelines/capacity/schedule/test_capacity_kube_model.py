"""The model of kube-scheduler: priorities, least allocated nodes, and whose pods have to go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.capacity.schedule.jobs import CPU, CardSlot, Job, Problem
from pipelines.capacity.schedule.kube import Expected, Node, Pod, expected_placement, pods_of
from pipelines.capacity.schedule.ways import longest_first

GIB = 2**30


def node(name: str, gpus: int, kind: str = "V100") -> Node:
    return Node(name, kind, gpus, 32_000, 128 * GIB)


def pod(name: str, **more: Any) -> Pod:
    return Pod(name, ("V100",), **{"cpu_millicores": 1_000, "memory_bytes": GIB, **more})


def on(expected: Expected) -> dict[str, str]:
    """By pod, the node on which it runs in the end."""
    return {each.pod: each.node for each in expected.bindings if not each.preempted}


def test_pods_are_spread_since_the_least_allocated_node_is_best() -> None:
    expected = expected_placement([pod(str(number)) for number in range(4)], [node("a", 2), node("b", 2)])
    assert on(expected) == {"0": "a", "1": "b", "2": "a", "3": "b"}
    assert {each.pod: each.equally_good for each in expected.bindings} == {
        "0": ("a", "b"),
        "1": ("b",),
        "2": ("a", "b"),
        "3": ("b",),
    }


def test_the_choice_among_equally_good_nodes_is_followed_and_what_comes_later_goes_by_it() -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def last(name: str, equally_good: tuple[str, ...]) -> str:
        asked.append((name, equally_good))
        return equally_good[-1]

    pods = [pod(str(number), seconds={"V100": 10, "T4": 30}, created_s=number) for number in range(2)]
    pods = [replace(each, kinds=("V100", "T4")) for each in pods]
    expected = expected_placement(pods, [node("a", 1), node("b", 1, kind="T4")], last)
    assert asked == [("0", ("a", "b")), ("1", ("a",))]
    assert [(each.node, each.end_s) for each in expected.bindings] == [("b", 30), ("a", 11)]


def test_among_equally_good_victims_the_choice_is_followed_too() -> None:
    running = [pod("0"), pod("1")]
    expected = expected_placement(
        [*running, pod("serving", priority=9, created_s=5)],
        [node("a", 1), node("b", 1)],
        lambda name, equally_good: equally_good[-1],
    )
    assert on(expected)["serving"] == "b"
    assert [each.node for each in expected.bindings if each.preempted] == ["b"]


def test_cards_take_no_part_in_the_score() -> None:
    """A node whose cards are all but taken is as good as an empty one, if CPU and memory are as free."""
    nodes = [node("full", 2), replace(node("empty", 8), cpu_millicores=16_000, memory_bytes=64 * GIB)]
    taking = replace(pod("taking", cpu_millicores=0, memory_bytes=0), gpus=1)
    expected = expected_placement([taking, pod("next", created_s=1)], nodes)
    # The larger node has the greater part of its CPU left, whatever becomes of its cards.
    assert on(expected) == {"taking": "full", "next": "full"}


def test_without_cards_left_the_lower_priorities_stay_pending() -> None:
    pods = [pod("low", priority=0), pod("high", priority=10), pod("middle", priority=5)]
    expected = expected_placement(pods, [node("a", 2)])
    assert set(on(expected)) == {"high", "middle"}
    assert expected.pending == ("low",)


def test_a_pod_goes_only_where_its_kind_of_card_is() -> None:
    expected = expected_placement([pod("a"), pod("b")], [node("t4", 4, kind="T4"), node("v100", 1)])
    assert on(expected) == {"a": "v100"}
    assert expected.pending == ("b",)


def test_a_higher_priority_takes_the_card_of_the_youngest_of_the_lowest() -> None:
    running = [pod("old", priority=1), pod("young", priority=1, created_s=10), pod("middle", priority=2, created_s=20)]
    expected = expected_placement([*running, pod("serving", priority=9, created_s=30)], [node("a", 3)])
    (victim,) = [each for each in expected.bindings if each.preempted]
    assert (victim.pod, victim.end_s) == ("young", 30)
    assert expected.pending == ("young",)


def test_of_several_nodes_the_one_with_the_least_important_victims_is_taken() -> None:
    running = [pod("on a", priority=2), pod("on b", priority=1)]
    expected = expected_placement([*running, pod("serving", priority=9, created_s=5)], [node("a", 1), node("b", 1)])
    assert on(expected) == {"on a": "a", "serving": "b"}


def test_equal_priority_and_a_policy_of_never_pre_empt_nothing() -> None:
    running = pod("running", priority=1)
    for waiting in (pod("waiting", priority=1, created_s=5), pod("waiting", priority=9, created_s=5, preempts=False)):
        expected = expected_placement([running, waiting], [node("a", 1)])
        assert on(expected) == {"running": "a"}
        assert expected.pending == ("waiting",)


def test_a_bare_pod_that_is_pre_empted_does_not_come_back_and_one_of_a_job_does() -> None:
    serving = pod("serving", priority=9, created_s=10, seconds={"V100": 20})
    for recreated in (True, False):
        training = pod("training", seconds={"V100": 100}, recreated=recreated)
        expected = expected_placement([training, serving], [node("a", 1)])
        own = [(each.begin_s, each.end_s) for each in expected.bindings if each.pod == "training"]
        # Nothing of what it had done is kept by the cluster.
        assert own == ([(0, 10), (30, 130)] if recreated else [(0, 10)])


def test_one_node_short_of_cpu_takes_no_more_pods_though_cards_are_free() -> None:
    small = replace(node("small", 8), cpu_millicores=1_500)
    expected = expected_placement([pod("a"), pod("b")], [small])
    assert expected.pending == ("b",)


def test_pods_of_jobs_ask_for_one_card_and_leave_out_what_needs_none() -> None:
    jobs = (
        Job("training", "", {"V100": 99.5, "T4": 200, CPU: 5_000}, 24 * GIB, priority=2, release_s=7, preemptible=True),
        Job("backup", "", {CPU: 10}, 0),
    )
    (only,) = pods_of(jobs, cpu_millicores=500, memory_bytes=GIB)
    wanted = Pod("training", ("V100", "T4"), 2, 1, 500, GIB, 7, {"V100": 100, "T4": 200}, recreated=True)
    assert only == wanted


@pytest.mark.parametrize(("cards", "computed"), [(1, 6.0), (2, 3.6), (5, 1.2)])
def test_equal_jobs_come_out_of_a_cluster_as_planned(cards: int, computed: float) -> None:
    jobs = tuple(Job(f"member {number}", "", {"V100": 1.2 * 3_600}, 0) for number in range(5))
    planned = longest_first(Problem(tuple(CardSlot(str(number), "V100", 0) for number in range(cards)), jobs))
    expected = expected_placement(pods_of(jobs), [node("a", cards)])
    ends = [each.end_s for each in expected.bindings]
    assert max(end for end in ends if end is not None) == planned.makespan_seconds == computed * 3_600


@st.composite
def pods(draw: st.DrawFn) -> list[Pod]:
    return [
        pod(
            str(number),
            priority=draw(st.integers(0, 3)),
            created_s=draw(st.integers(0, 50)),
            seconds=draw(st.just({}) | st.integers(1, 60).map(lambda seconds: {"V100": seconds})),
            preempts=draw(st.booleans()),
            recreated=draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, 12)))
    ]


@given(pods(), st.lists(st.integers(1, 3), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_no_node_has_more_pods_than_cards_and_no_pending_pod_is_worth_more_than_a_running_one(
    given_pods: list[Pod], sizes: list[int]
) -> None:
    nodes = [node(str(number), gpus) for number, gpus in enumerate(sizes)]
    expected = expected_placement(given_pods, nodes)
    by_name = {each.name: each for each in given_pods}
    for each in nodes:
        own = [binding for binding in expected.bindings if binding.node == each.name]
        for binding in own:
            beside = [
                other
                for other in own
                if other.begin_s <= binding.begin_s and (other.end_s is None or other.end_s > binding.begin_s)
            ]
            assert len(beside) <= each.gpus
    running = [by_name[each.pod] for each in expected.bindings if each.end_s is None]
    for name in expected.pending:
        assert len(running) == sum(sizes)
        if by_name[name].preempts:
            assert all(each.priority >= by_name[name].priority for each in running)
