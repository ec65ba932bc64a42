"""What the documents state: found by key, with sources and contradictions, and adding up where the documents do."""

from __future__ import annotations

import pytest

from components.errors import InputError
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.ranges import Range

DOCUMENTS = {"water-stack", "stock", "core-v100", "pcb", "v100-options"}
KEYS = tuple(f"{group}.{item}" for group, items in load_catalogue().stated.items() for item in items)


@pytest.mark.parametrize("key", KEYS)
def test_every_stated_figure_is_found_and_comes_from_a_founding_document(catalogue, key):
    found = catalogue.figure(key)
    assert found.key == key
    assert {source.partition(",")[0] for source in found.sources} <= DOCUMENTS
    assert all(found.range.contains(each.low) and found.range.contains(each.high) for each in found.statements)


@pytest.mark.parametrize(
    ("key", "stated"),
    [
        ("cycle_hours.v100x1", "6 to 10"),
        ("cycle_hours.v100x1_mixed", "2 to 3"),
        ("cycle_hours.v100x2", "1.8 to 2"),
        ("cycle_hours.t4x4", "12 to 15"),
        ("cycle_hours.t4x6", "12.5"),
        ("cycle_hours.p40x3", "8 to 18"),
        ("cycle_hours.p40x4", "20"),
        ("cycle_hours.p100x4", "10 to 12"),
        ("cycle_hours.p100x5", "14"),
        ("cycle_hours.cpu", "250"),
        ("training_memory_gb.now", "24"),
        ("training_memory_gb.plus_3_months", "28"),
        ("training_memory_gb.plus_6_months", "32"),
        ("training_memory_gb.patchtst", "40"),
        ("inference_memory_gb.ensemble", "14"),
        ("pcb_need_gb.training", "8 to 12"),
        ("labour_krw_per_month.developer", "10,000,000"),
    ],
)
def test_the_figures_that_people_argue_about_are_as_stated(catalogue, key, stated):
    assert str(catalogue.figure(key).range) == stated


def test_a_figure_with_contradictions_says_them_and_one_without_says_nothing(catalogue):
    three = catalogue.figure("cycle_hours.p40x3")
    assert [str(each.range) for each in three.statements] == ["15 to 18", "8"]
    assert (
        three.contradiction == "Three P40s take 15 to 18 hours in one part and 8 in another; 8 is two waves of 4 hours."
    )
    assert catalogue.figure("one_model_hours.t4").contradiction == ""


@pytest.mark.parametrize("key", ["cycle_hours.t4x5", "cycle_hour.t4x4", "cycle_hours", "cycle_hours.", ""])
def test_an_unknown_key_is_refused_with_what_there_is(catalogue, key):
    with pytest.raises(InputError) as caught:
        catalogue.figure(key)
    assert caught.value.where == f"stated figure {key}"
    assert "t4x4" in caught.value.fix or "cycle_hours" in caught.value.fix


def test_every_point_of_the_list_of_contradictions_is_told(catalogue):
    assert {each.point for each in catalogue.contradictions.values()} == set(range(1, 14))
    for contradiction in catalogue.contradictions.values():
        assert contradiction.text.endswith(".")
        assert set(contradiction.sources) & DOCUMENTS


def test_figures_with_statements_that_differ_belong_to_a_contradiction(catalogue):
    differing = [key for key in KEYS if len({(each.low, each.high) for each in catalogue.figure(key).statements}) > 1]
    untold = [key for key in differing if not catalogue.figure(key).contradiction]
    # In these one statement lies inside the other, so that both can be right.
    assert set(untold) == {"mixed_precision_gain.v100", "weight_search_hours.v100x2", "stock_krw.rtx-3060"}


def test_cards_that_stated_figures_name_are_in_the_catalogue(catalogue):
    groups = ("one_model_hours", "card_memory_gb", "yolo_fps_batch_1", "yolo_epoch_minutes", "mixed_precision_gain")
    for group in groups:
        for name in catalogue.stated[group]:
            assert catalogue.card(name)
    for configuration in catalogue.stated["cycle_hours"]:
        if configuration != "cpu":
            assert catalogue.card(configuration.partition("x")[0])


def test_stated_card_memory_is_as_sold_but_for_the_two_that_contradict(catalogue):
    wrong = {
        name
        for name in catalogue.stated["card_memory_gb"]
        if catalogue.figure(f"card_memory_gb.{name}").range != Range.exactly(catalogue.card(name).memory_gb.value)
    }
    assert wrong == {"rtx-4060", "rtx-4070"}
    assert all("sold with 8 and 12" in catalogue.figure(f"card_memory_gb.{name}").contradiction for name in wrong)


def stated_sum(catalogue, group, items):
    return sum(catalogue.figure(f"{group}.{item}").range.low for item in items)


MEMBERS = ("stacked_lstm", "residual_gru", "cnn_lstm", "spike_detector", "rule_based")


@pytest.mark.parametrize(
    ("group", "items", "total", "slack"),
    [
        ("member_memory_gb", MEMBERS, "ensemble", 1e-9),
        # 1,675 thousand, which the document cuts to 1.67 million.
        ("member_parameters", MEMBERS, "ensemble", 5001),
        ("inference_memory_gb", ("weights", "batch", "buffers"), "ensemble", 0),
        (
            "formula_memory_mb",
            ("weights", "gradients", "adam", "batch", "lstm_activations", "attention_activations", "cnn_activations"),
            "total",
            1e-9,
        ),
    ],
)
def test_sums_of_the_documents_agree_with_their_parts(catalogue, group, items, total, slack):
    assert stated_sum(catalogue, group, items) == pytest.approx(stated_sum(catalogue, group, (total,)), abs=slack)


def test_the_alternatives_are_five_times_one_model_as_their_contradiction_says(catalogue):
    for configuration in ("t4x6", "p40x4", "p100x5"):
        one = catalogue.figure(f"one_model_hours.{configuration.partition('x')[0]}").range.low
        cycle = catalogue.figure(f"cycle_hours.{configuration}")
        assert cycle.range.low == pytest.approx(5 * one)
        assert "five times one model's hours" in cycle.contradiction


def test_training_and_serving_want_more_than_the_card_has(catalogue):
    serving = catalogue.figure("inference_memory_gb.ensemble").range
    together = [catalogue.figure(f"training_memory_gb.{when}").range + serving for when in ("now", "plus_6_months")]
    assert [str(each) for each in together] == ["38", "46"]
    assert "38 GB today and 46 GB in six months" in catalogue.figure("training_memory_gb.now").contradiction


def test_stock_gains_are_the_quotients_of_their_times(catalogue):
    for workload in ("rsi", "backtest", "lstm"):
        cpu = catalogue.figure(f"stock_cpu_seconds.{workload}").range
        gpu = catalogue.figure(f"stock_gpu_seconds.{workload}").range
        assert (cpu / gpu) == catalogue.figure(f"stock_gain.{workload}").statements[0].range
