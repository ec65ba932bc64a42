"""Every card of the catalogue: its figures agree with each other, and it is found by each of its names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.errors import InputError
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.catalogue.names import names_of

CARDS = tuple(load_catalogue().cards)
CHART_VALUES = Path(__file__).parents[4] / "helm" / "sluice" / "values.yaml"

# GPU catalogue of the requirements, section 9, and the cards common at clouds today.
NAMED = {
    "v100": 32,
    "V100 16GB": 16,
    "v100s": 32,
    "h100-pcie-80gb": 80,
    "h100-sxm-80gb": 80,
    "h200": 141,
    "a100-pcie-40gb": 40,
    "a100-sxm4-40gb": 40,
    "a100-pcie-80gb": 80,
    "a100-sxm4-80gb": 80,
    "t4": 16,
    "p40": 24,
    "p100": 16,
    "p100-12gb": 12,
    "RTX A6000": 48,
    "rtx 4090": 24,
    "A4000": 16,
    "RTX 3060": 12,
    "RTX 4060": 8,
    "RTX 4070": 12,
    "RTX 3070": 8,
    "RTX 3080": 10,
    "GTX 1660": 6,
    "GTX 1660 Ti": 6,
    "l4": 24,
    "a10": 24,
    "a10g": 24,
    "l40s": 48,
}


@pytest.fixture(params=CARDS)
def card(request, catalogue):
    return catalogue.cards[request.param]


def test_the_driver_reports_less_than_was_sold_but_most_of_it(card):
    sold = card.memory_gb.value * 2**30
    assert 0.9 * sold < card.memory_bytes < sold
    assert card.memory_bytes % 2**20 == 0


def test_rates_fit_the_compute_capability(card):
    rates = card.rates
    modern = (rates.tensor_bfloat16_tflops, rates.tensor_float32_tflops)
    if card.compute_capability >= (8, 0):
        assert None not in modern
        assert rates.tensor_float16_tflops == rates.tensor_bfloat16_tflops
        assert rates.tensor_float16_tflops == pytest.approx(2 * rates.tensor_float32_tflops, rel=0.02)
    else:
        assert modern == (None, None)
    if card.compute_capability < (7, 0):
        assert not card.tensor_cores


def test_tensor_cores_and_their_rates_come_together(card):
    has_rate = card.rates.tensor_float16_tflops is not None
    assert card.tensor_cores == has_rate
    if has_rate:
        assert card.rates.tensor_float16_tflops > card.rates.float32_tflops


def test_float16_outside_the_tensor_cores_is_a_power_of_two_times_float32(card):
    # CUDA C++ Programming Guide, arithmetic throughput: a 64th, once, twice or four times.
    times = card.rates.float16_tflops / card.rates.float32_tflops
    assert min(abs(times / each - 1) for each in (1 / 64, 1, 2, 4)) < 0.03


def test_mixed_precision_gains_no_more_than_the_rates_allow(card):
    gain = card.mixed_precision_gain.range
    assert 1 <= gain.low <= gain.high <= 3
    assert card.gains_from_mixed_precision == card.tensor_cores
    before = card.rate("tensor_float32") if card.compute_capability >= (8, 0) else card.rate("float32")
    assert gain.high <= card.rate("mixed_float16") / before * 1.02


def test_bandwidth_and_power_are_of_a_card(card):
    assert 1e11 < card.bandwidth_bytes_per_second < 1e13
    assert 50 <= card.power_watts.value <= 700


def test_each_precision_has_a_rate_in_operations_per_second_and_others_are_refused(card):
    for precision in card.precisions:
        assert 1e12 < card.rate(precision) < 1e15
    if "mixed_bfloat16" not in card.precisions:
        with pytest.raises(InputError, match="choose from: float32, mixed_float16"):
            card.rate("mixed_bfloat16")


def test_cards_without_tensor_cores_compute_mixed_precision_at_the_float32_rate(card):
    if not card.tensor_cores:
        assert card.rate("mixed_float16") == card.rate("float32")
    else:
        assert card.rate("mixed_float16") > card.rate("float32")


def test_cuda_lines_end_before_13_up_to_volta_and_not_after(card, catalogue):
    generation = catalogue.generation(card)
    assert generation.supports_cuda("12.5")
    assert generation.supports_cuda("13.0") == (card.compute_capability >= (7, 5))
    assert generation.supports_cudnn("9.10")
    assert generation.supports_cudnn("9.11") == (card.compute_capability >= (7, 5))
    assert not generation.supports_cuda("7.5")


def test_each_of_its_names_finds_it_however_it_is_written(card, catalogue):
    for name in names_of(card):
        for written in (name, name.upper(), name.replace("-", " "), f" NVIDIA {name}"):
            assert catalogue.card(written).key == card.key


@pytest.mark.parametrize(("name", "memory_gb"), NAMED.items())
def test_every_card_that_is_named_is_there_with_its_memory_as_sold(catalogue, name, memory_gb):
    assert catalogue.card(name).memory_gb.value == memory_gb


def test_each_node_label_of_the_chart_is_a_card_with_the_memory_that_it_names(catalogue):
    products = yaml.safe_load(CHART_VALUES.read_text(encoding="utf-8"))["gpu"]["products"]
    assert products
    for product in products:
        card = catalogue.card(product)
        assert product in card.products
        assert product.endswith(f"{card.memory_gb.value:g}GB")


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("h100", ("h100-pcie-80gb", "h100-sxm-80gb")),
        ("A100 80GB", ("a100-pcie-80gb", "a100-sxm4-80gb")),
        ("a100", ("a100-pcie-40gb", "a100-sxm4-40gb", "a100-pcie-80gb", "a100-sxm4-80gb")),
    ],
)
def test_a_name_of_several_cards_is_refused_and_lists_them(catalogue, name, candidates):
    with pytest.raises(InputError, match=f"{len(candidates)} cards are called so") as caught:
        catalogue.card(name)
    assert caught.value.where == f"card {name}"
    assert all(key in caught.value.fix for key in candidates)


@pytest.mark.parametrize(("name", "near"), [("rtx 4091", "rtx-4090"), ("v100-23gb", "v100"), ("t40", "t4")])
def test_an_unknown_name_is_refused_with_those_that_are_near(catalogue, name, near):
    with pytest.raises(InputError, match="no such card") as caught:
        catalogue.card(name)
    assert near in caught.value.fix.partition("Known")[0]


@pytest.mark.parametrize("name", ["pcie", "80gb", "ti", "sxm", "gpu", ""])
def test_words_that_name_no_model_find_no_card(catalogue, name):
    with pytest.raises(InputError, match="no such card"):
        catalogue.card(name)


def test_a_p4_is_not_taken_for_a_p40(catalogue):
    with pytest.raises(InputError, match="no such card"):
        catalogue.card("p4")


def test_prices_are_those_of_the_documents(catalogue):
    dollars = {key: str(price.range) for key, card in catalogue.cards.items() for price in card.prices}
    assert dollars == {
        "rtx-a6000": "4,000",
        "rtx-4090": "1,600",
        "rtx-a4000": "800,000 to 1,000,000",
        "rtx-3060-12gb": "400,000 to 500,000",
        "rtx-4070": "800,000 to 1,000,000",
        "gtx-1660-ti": "300,000",
    }
    assert catalogue.card("p40").price_in_v100.range.low == pytest.approx(0.4 * 2 / 4)
    assert catalogue.card("t4").price_in_v100.range.middle == pytest.approx(1.2 * 2 / 6)
    assert catalogue.card("h100-sxm-80gb").price_in_v100.range.low == 3
