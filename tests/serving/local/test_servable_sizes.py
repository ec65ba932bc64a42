"""Compiled batch sizes: used only where equal and faster; padding and pieces change no answer."""

import time
from dataclasses import replace

import numpy as np
import pytest

BATCHES = [*range(1, 41), *range(127, 131), 1000]


@pytest.fixture(scope="module")
def plain(candidates):
    from serving.local.servable import load_servable, warm_up

    servable = load_servable("river", 1, candidates["river-1"])
    warm_up(servable)
    return servable


@pytest.fixture(scope="module")
def compiled(plain):
    """All sizes, whether faster for so small a model or not."""
    from serving.local.servable import COMPILED_SIZES

    return replace(plain, sizes=tuple(sorted(COMPILED_SIZES)), untried=())


@pytest.mark.parametrize("batch", BATCHES)
def test_padded_and_split_batches_answer_as_the_plain_signature_does(plain, compiled, windows, batch):
    inputs = {"window": windows(batch)}
    expected, got = plain.answer(inputs), compiled.answer(inputs)
    assert list(got) == list(expected)
    for name, value in expected.items():
        assert got[name].shape == value.shape
        np.testing.assert_allclose(got[name], value, atol=2e-6, err_msg=name)


def test_a_window_is_answered_alike_wherever_it_lies_in_a_size(compiled, windows):
    many = windows(16)
    together = compiled.answer({"window": many})["forecast"]
    for start in range(0, 12, 3):
        some = compiled.answer({"window": many[start : start + 5]})["forecast"]
        np.testing.assert_array_equal(some, together[start : start + 5])


def test_no_size_is_compiled_that_was_not_found_faster(plain, windows):
    asked: list[int] = []

    def remember(**inputs):
        asked.append(len(inputs["window"]))
        return plain.call(**inputs)

    class Loaded:
        signatures = {"serving_xla": remember}  # noqa: RUF012

    servable = replace(plain, loaded=Loaded(), sizes=(1, 16))
    for batch in (1, 3, 16, 17, 40):
        servable.answer({"window": windows(batch)})
    assert set(asked) == {1, 16}


def slow_call(servable):
    def slow(**inputs):
        time.sleep(0.05)
        return servable.call(**inputs)

    return slow


def tried(servable):
    from serving.local.servable import with_next_size

    while servable.untried:
        servable = with_next_size(servable)
    assert with_next_size(servable) is servable
    return servable


def test_sizes_are_used_where_they_are_faster(plain):
    from serving.local.servable import COMPILED_SIZES

    assert tried(replace(plain, call=slow_call(plain))).sizes == tuple(sorted(COMPILED_SIZES))


def test_sizes_are_not_used_where_they_are_slower(plain):
    class Loaded:
        signatures = {"serving_xla": slow_call(plain)}  # noqa: RUF012

    assert tried(replace(plain, loaded=Loaded())).sizes == ()


def test_sizes_are_not_used_where_their_answers_differ(plain):
    def wrong(**inputs):
        return {name: tensor + 1e-3 for name, tensor in plain.call(**inputs).items()}

    class Loaded:
        signatures = {"serving_xla": wrong}  # noqa: RUF012

    assert tried(replace(plain, loaded=Loaded(), call=slow_call(plain))).sizes == ()


def test_a_version_without_a_compiled_signature_has_nothing_to_try(plain):
    class Loaded:
        signatures = {}  # noqa: RUF012

    assert tried(replace(plain, loaded=Loaded(), untried=())).sizes == ()
