from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.preprocess.series import Series
from components.train import memory_room
from components.train.architecture import Architecture, Kind, Layer
from components.train.architecture_reader import architecture_of
from components.train.layer_memory import Execution
from components.train.memory import (
    OPTIMIZER_COPIES,
    UNCOUNTED_BYTES,
    Optimizer,
    Step,
    inference_memory,
    largest_micro_batch,
    most_bytes,
    training_memory,
)
from components.train.network import Start, assemble
from components.train.registry import MEMBERS
from components.train.task import Task

EXECUTIONS: tuple[Execution, ...] = ("graph", "xla", "cudnn")


def _recurrent(kind: Kind, inputs: int, units: int, gates: int, passes_gradient: bool = True) -> Layer:
    parameters = gates * units * (inputs + units + 1)
    return Layer(f"{kind}_{units}", kind, 100, inputs, units, parameters, passes_gradient=passes_gradient)


STACKED_LSTM = Architecture(
    "stacked_lstm",
    input_values=100 * 12,
    output_values=9,
    layers=(
        _recurrent("lstm", 12, 128, 4, passes_gradient=False),
        _recurrent("lstm", 128, 128, 4),
        _recurrent("lstm", 128, 64, 4),
        Layer("dense", "dense", 1, 64, 9, 585),
    ),
)
ATTENTION = Architecture(
    "attention", 1200, 1, (Layer("heads", "attention", 100, 128, 128, 66_048, heads=4, key_size=32),)
)


def test_terms_are_those_of_the_stated_formula() -> None:
    memory = training_memory(STACKED_LSTM, Step(32))
    weights = 4 * STACKED_LSTM.parameters
    assert memory.weights_bytes == memory.gradients_bytes == weights
    # Adam's two and the moving average.
    assert memory.optimizer_bytes == 3 * weights
    # 32 x 100 x 12 x 4 bytes are 153.6 kB, and nine targets each.
    assert memory.batch_bytes == 153_600 + 32 * 9 * 4
    assert memory.total_bytes == memory.weights_bytes + memory.optimizer_bytes + memory.growth_bytes


def test_a_step_by_operations_keeps_what_the_way_back_of_an_lstm_reads() -> None:
    layer = training_memory(STACKED_LSTM, Step(32)).layers[1]
    # Four gates, the cell before and its tanh, the answer before, the answer; the inputs twice.
    assert layer.kept_bytes == 4 * 32 * 100 * (8 * 128 + 2 * 128)
    assert layer.stacked_bytes == layer.reserve_bytes == 0


def test_a_compiled_loop_copies_its_weights_at_every_row_whatever_the_batch() -> None:
    first, second, *_ = training_memory(STACKED_LSTM, Step(8, execution="xla")).layers
    assert first.stacked_bytes == 4 * 100 * 4 * 128 * 128
    assert second.stacked_bytes == 4 * 100 * 4 * 128 * (128 + 128)
    larger = training_memory(STACKED_LSTM, Step(256, execution="xla"))
    assert larger.stacked_weights_bytes == training_memory(STACKED_LSTM, Step(8, execution="xla")).stacked_weights_bytes


def test_the_reserve_space_of_cudnn_is_a_term_of_its_own() -> None:
    memory = training_memory(STACKED_LSTM, Step(32, execution="cudnn"))
    assert memory.cudnn_reserve_bytes == 4 * 32 * 100 * 2 * 6 * (128 + 128 + 64)
    assert all(layer.kept_bytes < layer.reserve_bytes for layer in memory.layers[:3])


def test_scores_of_attention_grow_with_the_square_of_its_rows() -> None:
    layer = ATTENTION.layers[0]
    values = 4 * 4 * 32 * 100 + 4 * 100 * 100 + 128 * 100
    assert training_memory(ATTENTION, Step(1, execution="xla")).layers[0].kept_bytes == 4 * values
    across = Architecture("across", 1, 1, (Layer(**{**vars(layer), "attended": 7}),))
    assert training_memory(across, Step(1)).activations_bytes == 4 * (values - 4 * 100 * 93)


def test_half_precision_halves_activations_and_leaves_weights_whole() -> None:
    whole, half = (training_memory(STACKED_LSTM, Step(64, precision=each)) for each in ("float32", "mixed_float16"))
    assert half.activations_bytes * 2 == whole.activations_bytes
    assert (half.gradients_bytes, half.optimizer_bytes, half.batch_bytes) == (
        whole.gradients_bytes,
        whole.optimizer_bytes,
        whole.batch_bytes,
    )
    # Float32 weights, and a copy to compute with.
    assert half.weights_bytes == whole.weights_bytes * 3 // 2


def test_accumulation_holds_one_micro_batch_and_one_more_gradient() -> None:
    whole, pieces = (training_memory(STACKED_LSTM, Step(64, accumulation=count)) for count in (1, 4))
    assert pieces.activations_bytes * 4 == whole.activations_bytes
    assert pieces.gradients_bytes == 2 * whole.gradients_bytes
    assert pieces.total_bytes < whole.total_bytes


@pytest.mark.parametrize(("optimizer", "copies"), [("sgd", 0), ("momentum", 1), ("adam", 2), ("adamw", 2)])
def test_an_optimizer_keeps_so_many_copies_of_the_weights(optimizer: Optimizer, copies: int) -> None:
    memory = training_memory(STACKED_LSTM, Step(1, optimizer=optimizer, averaged=False))
    assert memory.optimizer_bytes == copies * memory.weights_bytes


def test_large_weights_and_a_small_batch_take_most_while_the_weights_move() -> None:
    wide = Architecture("wide", 100, 1, (Layer("dense", "dense", 1, 2048, 2048, 2048 * 2049),))
    memory = training_memory(wide, Step(1))
    # Adam's new mean and variance, less what the way back has freed.
    held = sum(layer.held_bytes for layer in memory.layers)
    assert memory.workspace_bytes == 2 * memory.weights_bytes - held


LAYERS = st.builds(
    Layer,
    name=st.just("layer"),
    kind=st.sampled_from(["lstm", "gru", "rnn", "dense", "conv1d", "attention", "elementwise", "dropout", "other"]),
    rows=st.integers(1, 50),
    inputs=st.integers(1, 40),
    outputs=st.integers(1, 40),
    parameters=st.integers(0, 5000),
    heads=st.integers(1, 4),
    key_size=st.integers(1, 8),
    passes_gradient=st.booleans(),
)


@given(
    st.lists(LAYERS, max_size=6),
    st.integers(1, 100),
    st.integers(1, 100),
    st.sampled_from(EXECUTIONS),
    st.sampled_from(sorted(OPTIMIZER_COPIES)),
)
def test_memory_never_falls_with_the_batch_and_no_term_is_negative(
    layers: list[Layer], batch: int, more: int, execution: Execution, optimizer: Optimizer
) -> None:
    architecture = Architecture("any", 10, 2, tuple(layers))
    small, large = (
        training_memory(architecture, Step(size, optimizer=optimizer, execution=execution))
        for size in (batch, batch + more)
    )
    assert small.workspace_bytes >= 0
    assert 0 < small.total_bytes <= large.total_bytes
    assert inference_memory(architecture, batch).total_bytes <= inference_memory(architecture, batch + more).total_bytes


def test_answers_alone_take_less_than_training() -> None:
    for architecture in (STACKED_LSTM, ATTENTION):
        training, answers = training_memory(architecture, Step(64)), inference_memory(architecture, 64)
        assert answers.total_bytes < training.total_bytes
        assert answers.weights_bytes == training.weights_bytes


def test_dropout_takes_nothing_when_a_network_answers() -> None:
    dropout = Layer("dropout", "dropout", 100, 128, 256)
    with_it = Architecture("with", 1200, 9, (*STACKED_LSTM.layers, dropout))
    assert inference_memory(with_it, 8).activations_bytes == inference_memory(STACKED_LSTM, 8).activations_bytes
    assert (
        training_memory(with_it, Step(8)).activations_bytes > training_memory(STACKED_LSTM, Step(8)).activations_bytes
    )


def test_the_largest_micro_batch_fits_and_its_double_does_not() -> None:
    room = UNCOUNTED_BYTES + 64_000_000
    fits = largest_micro_batch(STACKED_LSTM, room, batch=1024)
    assert 1 < fits < 1024
    assert most_bytes(STACKED_LSTM, fits) <= room < most_bytes(STACKED_LSTM, 2 * fits)


def test_a_micro_batch_is_never_empty_nor_above_the_batch() -> None:
    assert largest_micro_batch(STACKED_LSTM, 1, batch=64) == 1
    assert largest_micro_batch(STACKED_LSTM, 10**12, batch=64) == 64


@pytest.mark.parametrize("member", ["stacked_lstm", "residual_gru", "cnn_lstm", "spike_detector"])
def test_a_footprint_counts_every_layer_once(member: str, series: Series, task: Task, start: Start) -> None:
    parts = importlib.import_module(MEMBERS[member].module).parts(task)
    # The serving network calls the same layers once more.
    model = assemble(task, parts, start, "windows").training
    footprint = architecture_of(model, "training")
    assert footprint.weights == sum(variable.numpy().size for variable in model.weights)
    assert footprint.parameters == sum(variable.numpy().size for variable in model.trainable_variables)
    units = {"stacked_lstm": 320, "residual_gru": 320, "cnn_lstm": 192, "spike_detector": 256}[member]
    recurrent = [layer for layer in footprint.layers if layer.kind in ("lstm", "gru")]
    assert sum(layer.rows * layer.outputs for layer in recurrent) == task.window * units
    assert footprint.input_values >= task.window * len(task.inputs)


def test_a_container_s_limit_bounds_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "cgroup" / "pod"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("3000000\n")
    (group / "memory.current").write_text("1000000\n")
    (group / "memory.stat").write_text("anon 500000\ninactive_file 200000\n")
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/pod\n")
    (proc / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    monkeypatch.setattr(memory_room, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory_room, "_PROC", proc)
    assert memory_room.host_room_bytes() == 2_200_000
    (group / "memory.max").write_text("max\n")
    assert memory_room.host_room_bytes() == 8_000_000 * 1024


def test_memory_that_is_given_is_the_room() -> None:
    assert memory_room.step_room_bytes(123) == 123
    assert 0 < memory_room.step_room_bytes() < 2**50
