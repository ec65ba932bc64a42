"""Profiles: what is read, merged, grouped, and refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from components.train.registry import DEFAULT_MEMBERS
from pipelines.platform.profile import (
    load_profile,
    member_kinds,
    member_parameters,
    parse_profile,
    profile_names,
    training_parameters,
)
from pipelines.platform.settings import Settings, cores, memory_bytes

FOUR_CARDS = """
name: many
members:
  stacked_lstm: {accelerator: {count: 2}}
  residual_gru: {accelerator: {count: 1}}
  linear: {cpu: {request: 500m, limit: "1"}}
"""


def test_the_presets_are_the_three_profiles():
    assert profile_names() == ("cpu", "dedicated", "shared")
    for name in profile_names():
        assert load_profile(name).name == name


def test_members_without_a_neural_net_ask_for_no_card_and_no_queue_and_tolerate_no_taint():
    profile = load_profile("shared")
    for member in ("linear", "rule_based"):
        light = profile.member(member)
        assert light.cards == 0
        assert light.tolerations == ()
        assert light.labels == {"app.kubernetes.io/part-of": "sluice"}
        assert light.env == {}
    heavy = profile.member("stacked_lstm")
    assert heavy.cards == 1
    assert heavy.labels["kueue.x-k8s.io/queue-name"] == "sluice"
    assert all("V100" in product for product in heavy.accelerator.products)


def test_no_step_of_the_profile_cpu_asks_for_a_card():
    profile = load_profile("cpu")
    assert [kind.settings.cards for kind in member_kinds(profile)] == [0]


def test_members_that_ask_for_the_same_share_a_loop_and_those_with_the_most_cards_come_first():
    kinds = member_kinds(parse_profile(FOUR_CARDS, "many.yaml"))
    assert [(kind.parameter, kind.members, kind.settings.cards) for kind in kinds] == [
        ("members", ("stacked_lstm",), 2),
        ("members_2", ("residual_gru",), 1),
        ("members_3", ("cnn_lstm", "spike_detector", "rule_based"), 0),
        ("members_4", ("linear",), 0),
    ]


def test_each_loop_has_the_whole_budget_because_loops_run_side_by_side():
    profile = load_profile("shared")
    lists = member_parameters(member_kinds(profile), 10)
    assert sum(item["budget_seconds"] for item in lists["members"]) == pytest.approx(600, abs=0.01)
    assert max(item["budget_seconds"] for item in lists["members_2"]) == pytest.approx(600, abs=0.01)
    assert {item["member"] for items in lists.values() for item in items} == set(DEFAULT_MEMBERS)


def test_more_kinds_of_members_than_can_be_joined_are_refused():
    text = FOUR_CARDS + '  cnn_lstm: {cpu: {request: "3", limit: "3"}}\n'
    with pytest.raises(InputError, match="ask for 5 different things"):
        member_kinds(parse_profile(text, "many.yaml"))


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("- a", "p.yaml", "holds no keys"),
        ("a: [", "p.yaml", "is no YAML"),
        ("name: p\ncpu: 1", "p.yaml, cpu", "Extra inputs"),
        ("name: p\nsteps: {trian: {}}", "p.yaml", "there is no step trian"),
        ("name: p\nmembers: {lstm: {}}", "p.yaml", "there is no member lstm"),
        ('name: p\ndefaults: {cpu: {request: "4", limit: "500m"}}', "p.yaml, defaults.cpu", "above limit"),
        ("name: p\ndefaults: {memory: {request: 2G, limit: 1Gi}}", "p.yaml, defaults.memory", "above limit"),
        ("name: p\ndefaults: {memory: {request: 2 GB, limit: 3Gi}}", "p.yaml, defaults.memory.request", "8Gi"),
        ("name: p\ndefaults: {tolerations: [{operator: Exists, value: x}]}", "defaults.tolerations.0", "no value"),
        ("name: p\ndefaults: {mounts: [{claim: a, path: /a}, {claim: a, path: /b}]}", "defaults", "mounted twice"),
        ("name: p\ntraining: {batch: 0}", "p.yaml, training.batch", "greater than or equal to 1"),
        ("name: p\ntraining: {batch: 4, micro_batch: 8}", "p.yaml, training", "above batch 4"),
        ("name: p\ntraining: {precision: half}", "p.yaml, training.precision", "'mixed_bfloat16'"),
        ("name: p\ntraining: {window: 2-10}", "p.yaml, training.window", "write it as 22:00-06:00"),
        ("name: p\ntraining: {timezone: Asia/Soul}", "p.yaml, training.timezone", "did you mean Asia/Seoul?"),
        ("name: p\nserving: {rest: http://a}\nsteps: {smoke_test: {timeout_seconds: 60}}", "p.yaml", "roll back"),
    ],
)
def test_a_wrong_profile_is_refused_with_the_place_of_the_mistake(text: str, where: str, problem: str):
    with pytest.raises(InputError) as caught:
        parse_profile(text, "p.yaml")
    assert where in caught.value.where
    assert problem in caught.value.problem


def test_only_what_a_profile_says_of_a_step_is_an_argument():
    assert [training_parameters(load_profile(name)) for name in profile_names()] == [{}, {}, {}]
    said = "name: p\ntraining: {batch: 8, micro_batch: 2, precision: float32, window: 2:00-10:00}"
    assert training_parameters(parse_profile(said, "p")) == {"batch": 8, "micro_batch": 2, "precision": "float32"}


def test_a_missing_file_names_the_presets():
    with pytest.raises(InputError, match="cpu, dedicated, shared"):
        load_profile("nowhere.yaml")


def test_quantities_are_read_as_kubernetes_does():
    assert cores("500m") * 2 == cores("1") == 1
    assert memory_bytes("1Ki") == 1024
    assert memory_bytes("1G") == 10**9
    assert memory_bytes("7") == 7


settings = st.builds(
    Settings,
    timeout_seconds=st.none() | st.integers(1, 9),
    labels=st.dictionaries(st.sampled_from("abc"), st.none() | st.sampled_from("xy")),
    tolerations=st.none() | st.just(()),
)


@given(settings, settings, settings)
def test_what_is_said_last_holds_and_the_order_of_merging_does_not_matter_where_nothing_is_taken_away(a, b, c):
    merged = a.under(b)
    assert merged.timeout_seconds == (b.timeout_seconds or a.timeout_seconds)
    assert all(merged.labels[key] == value for key, value in b.labels.items() if value is not None)
    assert not any(value is None for value in merged.labels.values())
    assert merged.under(Settings()) == merged
    if None not in c.labels.values() and None not in b.labels.values():
        assert merged.under(c) == a.under(b.under(c))
