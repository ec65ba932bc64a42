from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from components.preprocess.series import Series
from components.train import memory_room
from components.train.memory import Footprint, footprint_of, largest_micro_batch, training_memory
from components.train.network import Start, assemble
from components.train.registry import MEMBERS
from components.train.task import Task

STACKED_LSTM = Footprint(parameters=269_825, inputs=100 * 12, recurrent=100 * 320)


def test_terms_are_those_of_the_stated_formula() -> None:
    memory = training_memory(STACKED_LSTM, batch=32)
    assert memory.weights_bytes == memory.gradients_bytes == 4 * 269_825
    # Adam's two and the moving average.
    assert memory.optimizer_bytes == 3 * memory.weights_bytes
    # 32 x 100 x 12 x 4 bytes are 153.6 kB.
    assert memory.batch_bytes == 153_600
    assert memory.total_bytes == 5 * memory.weights_bytes + memory.batch_bytes + memory.activations_bytes


def test_the_largest_micro_batch_fits_and_its_double_does_not() -> None:
    room = 64_000_000
    fits = largest_micro_batch(STACKED_LSTM, room, batch=1024)
    assert training_memory(STACKED_LSTM, fits).total_bytes <= room < training_memory(STACKED_LSTM, 2 * fits).total_bytes


def test_a_micro_batch_is_never_empty_nor_above_the_batch() -> None:
    assert largest_micro_batch(STACKED_LSTM, 1, batch=64) == 1
    assert largest_micro_batch(STACKED_LSTM, 10**12, batch=64) == 64


@pytest.mark.parametrize("member", ["stacked_lstm", "residual_gru", "cnn_lstm", "spike_detector"])
def test_a_footprint_counts_every_layer(member: str, series: Series, task: Task, start: Start) -> None:
    parts = importlib.import_module(MEMBERS[member].module).parts(task)
    model = assemble(task, parts, start, "windows").training
    footprint = footprint_of(model)
    assert footprint.parameters == sum(variable.numpy().size for variable in model.trainable_variables)
    units = {"stacked_lstm": 320, "residual_gru": 320, "cnn_lstm": 192, "spike_detector": 256}[member]
    assert footprint.recurrent == task.window * units
    assert footprint.inputs >= task.window * len(task.inputs)
    if member == "spike_detector":
        assert footprint.other > 2 * 4 * task.window**2


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
