from __future__ import annotations

from components.train.memory import Shape, largest_batch, training_memory

SHAPE = Shape(parameters=269_825, rows=100, columns=12, recurrent_units=320)


def test_terms_are_those_of_the_stated_formula() -> None:
    memory = training_memory(SHAPE, batch=32)
    assert memory.weights_bytes == memory.gradients_bytes == 4 * 269_825
    assert memory.optimizer_bytes == 2 * memory.weights_bytes
    # requirements.md, section 5: 32 x 100 x 12 x 4 bytes are 153.6 kB.
    assert memory.batch_bytes == 153_600
    assert memory.total_bytes == 4 * memory.weights_bytes + memory.batch_bytes + memory.activations_bytes


def test_the_largest_batch_fits_and_its_double_does_not() -> None:
    room = 64_000_000
    batch = largest_batch(SHAPE, room, most=1024)
    assert training_memory(SHAPE, batch).total_bytes <= room < training_memory(SHAPE, 2 * batch).total_bytes


def test_a_batch_is_never_empty_nor_above_the_most() -> None:
    assert largest_batch(SHAPE, 1, most=64) == 1
    assert largest_batch(SHAPE, 10**12, most=64) == 64
