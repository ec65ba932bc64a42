"""From any state of a server to any other, by configs that it takes and that leave a version answering."""

from dataclasses import replace

from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from serving.tfserving.rollout import ModelPlan, ModelState, Rollout, Wanted, next_plan, reached

VERSIONS = st.integers(1, 4)


@st.composite
def states(draw):
    available = draw(st.frozensets(VERSIONS, max_size=3))
    labels = (
        draw(st.dictionaries(st.sampled_from(["stable", "candidate"]), st.sampled_from(sorted(available))))
        if (available)
        else {}
    )
    return ModelState(available, labels)


@st.composite
def wishes(draw):
    stable = draw(VERSIONS)
    candidate = draw(st.none() | VERSIONS.filter(lambda version: version != stable))
    return Wanted(stable, candidate)


def taken(state: ModelState, plan: ModelPlan, loadable: frozenset[int]) -> ModelState:
    """A server's state after a config, as server_core.cc takes it: labels first, or nothing at all."""
    assert all(version in state.available for version in plan.labels.values())
    loaded = (state.available | loadable) & set(plan.versions)
    return ModelState(frozenset(loaded), dict(plan.labels))


@given(states(), wishes())
def test_every_way_is_short_labels_only_what_is_available_and_always_answers(state, wanted):
    loadable = frozenset(wanted.labels.values())
    for _ in range(4):
        plan = next_plan(wanted, state)
        after = taken(state, plan, loadable)
        assert not state.available or after.available, "nothing answered"
        if "stable" in state.labels:
            assert after.labels["stable"] in after.available
        assert state.labels.get("stable") in (None, *after.available) or plan.labels == state.labels
        state = after
    assert reached({"m": wanted}, {"m": state})
    assert set(next_plan(wanted, state).versions) == set(wanted.labels.values())


@given(states(), wishes(), st.frozensets(VERSIONS))
def test_what_can_not_be_loaded_never_takes_the_place_of_what_answers(state, wanted, loadable):
    for _ in range(4):
        stable = state.labels.get("stable")
        state = taken(state, next_plan(wanted, state), loadable)
        assert stable is None or state.labels["stable"] in (stable, wanted.stable)
        assert stable is None or state.labels["stable"] in state.available
    if wanted.stable not in loadable | state.available:
        assert state.labels.get("stable") != wanted.stable


def test_a_swap_takes_three_configs():
    one = ModelState(frozenset({1}), {"stable": 1})
    wanted = Wanted(2)
    both = next_plan(wanted, one)
    assert both == ModelPlan((1, 2), {"stable": 1})
    assert next_plan(wanted, one) == both, "the same again while version 2 is loading"
    moved = next_plan(wanted, replace(one, available=frozenset({1, 2})))
    assert moved == ModelPlan((1, 2), {"stable": 2})
    dropped = next_plan(wanted, ModelState(frozenset({1, 2}), {"stable": 2}))
    assert dropped == ModelPlan((2,), {"stable": 2})


def test_the_first_config_gives_no_label():
    assert next_plan(Wanted(1, 2), ModelState()) == ModelPlan((1, 2), {})


def test_a_candidate_becomes_champion_without_being_loaded_again():
    state = ModelState(frozenset({1, 2}), {"stable": 1, "candidate": 2})
    plan = next_plan(Wanted(2), state)
    assert plan == ModelPlan((1, 2), {"stable": 2})


def test_a_config_is_written_once_and_is_what_the_server_parses():
    written = []
    state = ModelState(frozenset({1}), {"stable": 1})
    rollout = Rollout("/store/", lambda name: state, written.append)
    for _ in range(3):
        rollout.step({"river": Wanted(1, 3)})
    (text,) = written
    (config,) = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    assert config.base_path == "/store/river"
    assert list(config.model_version_policy.specific.versions) == [1, 3]
    assert dict(config.version_labels) == {"stable": 1}
