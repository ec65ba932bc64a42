"""The formula beside what the compiler assigns and what a process takes, for two members and one batch.

All six members at four batch sizes are in benchmarks/memory.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import keras
import pytest
from keras import layers

from components.errors import InputError
from components.train.architecture_reader import architecture_of
from components.train.memory import Step, inference_memory, most_bytes, training_memory
from pipelines.capacity.memory.compiled import compiled_memory, read_buffer_assignment
from pipelines.capacity.memory.members import Setting, member_architecture
from pipelines.capacity.memory.observed import observed_memory
from pipelines.capacity.memory.subject import Subject

SETTING = Setting(window=24, columns=4, horizons=2)
FACTOR = 1.25


def _near(formula: int, found: int) -> bool:
    return found / FACTOR <= formula <= found * FACTOR


@pytest.mark.parametrize("member", ["rule_based", pytest.param("spike_detector", marks=pytest.mark.slow)])
def test_the_formula_of_a_step_is_near_what_the_compiler_assigns(member: str) -> None:
    (found,) = compiled_memory(Subject(member, SETTING), [32], os.environ)
    formula = training_memory(member_architecture(member, SETTING), Step(32, execution="xla"))
    assert _near(formula.total_bytes, found.total_bytes)
    # Weights, the optimiser's copies and the batch are what is handed in; a lead time has one target for its three
    # answers, which the formula counts.
    handed_in = formula.weights_bytes + formula.optimizer_bytes + formula.batch_bytes
    assert handed_in == pytest.approx(found.parameter_bytes, rel=0.1)
    assert found.parameter_bytes + found.temporary_bytes <= found.total_bytes


@pytest.mark.slow
def test_the_formula_holds_for_a_model_of_somebody_else_in_training_and_in_answering(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            layers.Input((40, 6)),
            layers.GRU(48, return_sequences=True),
            layers.LSTM(24),
            layers.Dense(32, activation="tanh"),
            layers.Dense(1),
        ]
    )
    model.save(tmp_path / "own.keras")
    subject, own = Subject(model=str(tmp_path / "own.keras"), optimizer="adam"), architecture_of(model, "own")
    (found,) = compiled_memory(subject, [64], os.environ)
    assert _near(training_memory(own, Step(64, optimizer="adam", execution="xla")).total_bytes, found.total_bytes)
    (answer,) = compiled_memory(subject, [64], os.environ, "inference")
    # A loop that reads the rows of another one needs no copy of them, which the layers alone don't tell.
    assert answer.total_bytes / FACTOR <= inference_memory(own, 64).total_bytes <= 1.5 * answer.total_bytes


def test_a_process_takes_no_more_than_the_trainer_keeps_free_for_it() -> None:
    found = observed_memory(Subject("rule_based", SETTING), 1024, os.environ)
    architecture = member_architecture("rule_based", SETTING)
    assert found.step_bytes > 0.4 * training_memory(architecture, Step(1024)).growth_bytes
    assert found.step_bytes < most_bytes(architecture, 1024)
    assert found.import_bytes > found.traced_bytes > found.built_bytes > 0


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no such model"):
        compiled_memory(Subject(model="nowhere.keras"), [1], os.environ)
    with pytest.raises(InputError, match="no network 'nobody'"):
        observed_memory(Subject("nobody"), 1, os.environ)


REPORT = """BufferAssignment:
allocation 0: size 400, parameter 0, shape |f32[100]| at ShapeIndex {}:
 value: <0 p @0> (size=400,offset=0): f32[100]{0}
allocation 1: size 4, thread-local:
allocation 2: size 36, parameter 1, shape |f32[9]| at ShapeIndex {}, maybe-live-out:
allocation 3: size 1000, preallocated-temp:
Total bytes used: 1440 (1.4KiB)
"""


def test_a_buffer_assignment_is_read_by_kind() -> None:
    found = read_buffer_assignment(REPORT, 8)
    assert (found.total_bytes, found.parameter_bytes, found.temporary_bytes) == (1440, 436, 1000)
    with pytest.raises(ValueError, match="Total bytes used"):
        read_buffer_assignment("nothing", 8)
