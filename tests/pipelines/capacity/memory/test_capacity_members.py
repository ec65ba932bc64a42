"""The members in numbers are the members in Keras, layer by layer."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from components.train.architecture import Architecture
from components.train.network import Mode
from pipelines.capacity.memory.members import NETWORKS, Setting, member_architecture, mode_of
from pipelines.capacity.memory.subject import Subject, member_networks, real_step

USUAL = Setting()
LIGHT = Setting(width="light")
SHORT = Setting(window=16, columns=2, horizons=2)
MANY_HORIZONS = Setting(window=48, columns=7, horizons=24)
SEGMENTS = Setting(window=480, columns=7, horizons=24, segment=24)
PANEL = Setting(window=96, columns=3, horizons=4, segment=24, own_unit=True)
OWN_UNIT = Setting(window=24, columns=2, horizons=2, own_unit=True)


def _sizes(architecture: Architecture) -> Counter[object]:
    """Layers without their names, which Keras numbers as it goes."""
    return Counter(replace(layer, name="") for layer in architecture.layers)


def _same_as_keras(member: str, setting: Setting, mode: Mode | None = None) -> None:
    from components.train.architecture_reader import architecture_of

    model = member_networks(Subject(member, setting, mode)).training
    real, ours = architecture_of(model, member), member_architecture(member, setting, mode)
    assert ours.parameters == real.parameters == sum(each.numpy().size for each in model.trainable_variables)
    assert _sizes(ours) == _sizes(real)
    assert (ours.input_values, ours.output_values) == (real.input_values, real.output_values)


@pytest.mark.parametrize("setting", [USUAL, LIGHT, SHORT, MANY_HORIZONS, SEGMENTS, PANEL, OWN_UNIT])
@pytest.mark.parametrize("member", NETWORKS)
def test_a_member_has_the_layers_and_weights_that_keras_builds(member: str, setting: Setting) -> None:
    _same_as_keras(member, setting)


@pytest.mark.parametrize("member", ["stacked_lstm", "residual_gru", "cnn_lstm", "rule_based"])
def test_a_causal_member_on_windows_has_them_too(member: str) -> None:
    _same_as_keras(member, USUAL, "windows")


def test_counts_are_near_those_of_the_documents_layers() -> None:
    # requirements.md, section 4: 269,825 with 12 inputs and one answer; here are 24 features and nine answers.
    own = member_architecture("stacked_lstm", USUAL)
    first = next(layer for layer in own.layers if layer.kind == "lstm")
    assert own.parameters - (65 * 9 - 65) - 4 * 128 * (first.inputs - 12) == 269_825


def test_a_member_is_trained_on_chunks_where_it_may_be() -> None:
    assert mode_of("stacked_lstm", USUAL) == "chunks"
    assert mode_of("spike_detector", USUAL) == mode_of("stacked_lstm", OWN_UNIT) == "windows"
    assert mode_of("stacked_lstm", SEGMENTS) == "segments"


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InputError, match="no network 'linear'"):
        member_architecture("linear", USUAL)


@given(
    st.sampled_from(NETWORKS),
    st.integers(1, 300),
    st.integers(1, 40),
    st.integers(1, 96),
    st.sampled_from(["stated", "light"]),
    st.booleans(),
)
def test_any_setting_gives_layers_of_positive_sizes(
    member: str, window: int, columns: int, horizons: int, width: str, own_unit: bool
) -> None:
    setting = Setting(window, columns, horizons, 1, width, own_unit)  # type: ignore[arg-type]
    architecture = member_architecture(member, setting)
    assert all(min(layer.rows, layer.inputs, layer.outputs) > 0 for layer in architecture.layers)
    narrower = member_architecture(member, replace(setting, width="light"))
    assert narrower.parameters <= architecture.parameters


def test_members_in_numbers_need_no_framework() -> None:
    code = (
        "import sys; from pipelines.capacity.memory.members import Setting, member_architecture;"
        "from pipelines.capacity.memory import compiled, needs, observed;"
        "member_architecture('patchtst', Setting()); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("subject", [Subject("spike_detector", SHORT), Subject("rule_based", SHORT, "windows")])
def test_a_real_step_trains_what_is_counted(subject: Subject) -> None:
    real = real_step(subject)
    batch = real.batch(4)
    before = [array.copy() for array in real.model.get_weights()]
    loss = real.step(batch, 4, 1e-2, 0.9)
    assert loss > 0
    assert any((ours != own).any() for ours, own in zip(real.model.get_weights(), before, strict=True))
    assert Subject.from_json(subject.to_json()) == subject
