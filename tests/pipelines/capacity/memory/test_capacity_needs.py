from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.capacity.memory.members import NETWORKS, Setting, member_architecture
from pipelines.capacity.memory.needs import (
    FRAMEWORK,
    Device,
    MemoryNeed,
    card_use,
    fixed_need,
    inference_need,
    training_need,
)

GB = 10**9
FIVE = tuple(member_architecture(name, Setting()) for name in NETWORKS if name != "patchtst")


def _terms(need: MemoryNeed) -> dict[str, int]:
    return {term.name: term.bytes for term in need.terms}


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_need_is_the_sum_of_its_terms_with_one_framework(device: Device) -> None:
    need = training_need(FIVE[0], 32, "float32", "adamw", 1, device)
    terms = _terms(need)
    assert need.total_bytes == sum(terms.values())
    assert terms[FRAMEWORK[device].name] == FRAMEWORK[device].bytes
    assert ("cuDNN's reserve space" in terms) == (device == "cuda")
    # The batch that is drawn ahead lies in the host's memory.
    assert (terms["prefetched batch"] > 0) == (device == "cpu")
    assert sum(layer.kept_bytes for layer in need.layers) == terms["activations"]
    assert all(term.note for term in need.terms if "not measured" in term.note or term.name == "framework")


@pytest.mark.parametrize("architecture", FIVE, ids=lambda each: each.name)
def test_what_saves_memory_saves_it(architecture: object) -> None:
    def total(batch: int, precision: str = "float32", accumulation: int = 1) -> int:
        return training_need(architecture, batch, precision, "adamw", accumulation, "cuda").total_bytes  # type: ignore[arg-type]

    assert total(256, "mixed_float16") < total(256)
    assert total(128) < total(256)
    assert total(256, accumulation=4) < total(256)
    # Micro-batches cost a sum of gradients: as much as the weights.
    assert total(256, accumulation=4) == total(64) + 4 * architecture.parameters  # type: ignore[attr-defined]


def test_two_versions_take_twice_all_but_the_framework() -> None:
    one, two = (inference_need(FIVE, 1000, "float32", versions, "cuda") for versions in (1, 2))
    framework = FRAMEWORK["cuda"].bytes
    assert two.total_bytes - framework == 2 * (one.total_bytes - framework)


def test_the_five_members_hold_megabytes_of_weights_where_a_document_says_12_gb() -> None:
    # requirements.md, section 20, point 3.
    weights = _terms(inference_need(FIVE, 1000, "float32", 1, "cuda"))["weights"]
    assert weights < 0.01 * 12 * GB


def test_training_and_serving_of_the_documents_do_not_share_32_gb() -> None:
    # core-v100: 24 GB peak of training, 14 GB of inference.
    use = card_use([fixed_need("train", 24 * GB, "core-v100"), fixed_need("serve", 14 * GB, "core-v100")], 32 * GB)
    assert (use.fits, use.used_bytes, use.spare_bytes) == (False, 38 * GB, -6 * GB)
    assert use.by_workload == (("train", 24 * GB), ("serve", 14 * GB))


@given(st.lists(st.integers(0, 40 * GB), max_size=6), st.integers(1, 200 * GB))
def test_a_card_holds_what_adds_up_to_no_more_than_it_has(sizes: list[int], card: int) -> None:
    use = card_use([fixed_need(str(number), size, "drawn") for number, size in enumerate(sizes)], card)
    assert use.used_bytes + use.spare_bytes == card
    assert use.fits == (sum(sizes) <= card)
    assert sum(size for _, size in use.by_workload) == use.used_bytes


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="batch"):
        training_need(FIVE[0], 0, "float32", "adamw", 1, "cpu")
    with pytest.raises(InputError, match="give at most 8"):
        training_need(FIVE[0], 8, "float32", "adamw", 9, "cpu")
    with pytest.raises(InputError, match="versions"):
        inference_need(FIVE, 1, "float32", 0, "cpu")
    with pytest.raises(InputError, match="no memory"):
        fixed_need("pcb", -1, "pcb")
