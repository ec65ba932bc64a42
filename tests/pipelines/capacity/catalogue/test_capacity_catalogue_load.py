"""The catalogue file: every figure has a source, a user's file is laid over it, and mistakes are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.dataset.text import read_yaml
from components.errors import InputError
from pipelines.capacity.catalogue.load import PACKAGED, load_catalogue

FACTS: dict[str, Any] = read_yaml(PACKAGED.read_text(encoding="utf-8"))[0]


def figures(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each mapping that holds a number, also in a list of numbers."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from figures(item, (*path, str(index)))
    if not isinstance(node, dict):
        return
    values = [each for value in node.values() for each in (value if isinstance(value, list) else [value])]
    if any(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        yield ".".join(path), node
    for key, value in node.items():
        yield from figures(value, (*path, key))


FIGURES = dict(figures({key: part for key, part in FACTS.items() if key != "contradictions"}))


def test_there_are_figures_to_look_at():
    assert len(FIGURES) > 450


def test_no_figure_is_without_a_source():
    assert [where for where, figure in FIGURES.items() if not figure.get("source")] == []


def test_every_source_is_listed_with_its_title_and_every_listed_one_is_used(catalogue):
    named = {figure["source"].partition(",")[0] for figure in FIGURES.values()}
    named |= {generation.source.partition(",")[0] for generation in catalogue.generations.values()}
    named |= {card.chip.source for card in catalogue.cards.values()}
    named |= {source for each in catalogue.contradictions.values() for source in each.sources}
    assert named - set(catalogue.sources) == set()
    notes = " ".join(figure.get("note", "") for figure in FIGURES.values())
    named |= {source for source in catalogue.sources if source in notes}
    assert set(catalogue.sources) - named == set()


def test_a_source_is_written_out_with_its_details(catalogue):
    assert catalogue.source_title("pcb") == "GPU plan for PCB inspection, 2025-01-11, v1.0"
    assert catalogue.source_title("pcb, table 3").endswith("v1.0, table 3")
    assert catalogue.source_title("our order of May") == "our order of May"


def test_reading_it_imports_no_tensorflow(python):
    probe = python(
        "import sys\n"
        "from pipelines.capacity.catalogue import cost\n"
        "from pipelines.capacity.catalogue.load import load_catalogue\n"
        "load_catalogue().card('t4')\n"
        "assert not {'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
    )
    assert probe.returncode == 0, probe.stderr


def test_a_figure_of_ones_own_replaces_the_packaged_one_and_leaves_the_rest(catalogue, with_own):
    own = with_own("cards: {t4: {driver_memory_mib: {value: 15360, source: our nvidia-smi}}}")
    assert own.card("t4").memory_bytes == 15360 * 2**20
    assert own.card("t4").driver_memory_mib.source == "our nvidia-smi"
    assert own.card("t4").driver_memory_mib.note == ""
    assert own.card("t4").rates == catalogue.card("t4").rates
    assert own.card("p40") == catalogue.card("p40")
    assert own.instances == catalogue.instances


def test_prices_servers_discounts_and_stated_figures_can_be_changed_one_by_one(catalogue, with_own):
    own = with_own(
        "instances: {g4dn.xlarge: {monthly_usd: {value: 384, source: our bill}}}\n"
        "servers: {basic: {parts: {gpu: {name: two cards, usd: 3200, source: our order}}}}\n"
        "discounts: {spot: {low: 0.6, high: 0.7, source: our bill}}\n"
        "running_costs: {line: {value: 0, source: there is one already}}\n"
        "stated: {cycle_hours: {t4x8: {value: 11, source: a new document}}}\n"
    )
    assert own.instance("G4DN.xlarge").monthly_usd.value == 384
    assert own.instance("g4dn.xlarge").shape == catalogue.instance("g4dn.xlarge").shape
    assert own.server("basic").price_usd == catalogue.server("basic").price_usd + 1600
    assert own.discounts.spot.range.high == 0.7
    assert own.discounts.reserved == catalogue.discounts.reserved
    assert own.running_costs["line"].high == 0
    assert own.figure("cycle_hours.t4x8").range.low == 11
    assert own.figure("cycle_hours.t4x4") == catalogue.figure("cycle_hours.t4x4")


def test_a_card_of_ones_own_is_added_and_found(with_own):
    own = with_own(
        """
cards:
  rtx-pro-6000:
    title: RTX PRO 6000 96 GB
    chip: {name: GB202, compute_capability: "9.0", tensor_cores: true, source: our order}
    memory_gb: {value: 96, source: our order}
    driver_memory_mib: {value: 97000, source: our nvidia-smi}
    rates: {float32_tflops: 100, tensor_float16_tflops: 400, source: our order}
    bandwidth_gb_per_s: {value: 1700, source: our order}
    power_watts: {value: 600, source: our order}
    mixed_precision_gain: {low: 1, high: 2, source: our trial}
"""
    )
    assert own.card("RTX Pro 6000").memory_bytes == 97000 * 2**20
    assert own.card("t4").key == "t4"


def test_null_takes_an_entry_away(with_own):
    own = with_own("cards: {h200-sxm-141gb: null}\ninstances: {p3.2xlarge: {list_usd_per_hour: null}}")
    assert "h200-sxm-141gb" not in own.cards
    assert own.instance("p3.2xlarge").list_usd_per_hour is None


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("cards: {t4: {power_watts: 70}}", "line 1, cards.t4.power_watts", "a mapping is wanted"),
        ("cards: {t4: {power_watts: {value: 70}}}", "cards.t4.power_watts.source", "missing"),
        ("cards: {t4: {power_watts: {value: 70, source: ''}}}", "cards.t4.power_watts.source", "at least 1"),
        ("cards: {t4: {power_watts: {value: -1, source: x}}}", "cards.t4.power_watts.value", "greater than"),
        ("cards: {t4: {power_watts: {value: .nan, source: x}}}", "cards.t4.power_watts.value", "finite"),
        ("cards: {t4: {powr_watts: {value: 70, source: x}}}", "cards.t4.powr_watts", "no such key"),
        ("cards:\n  mine: {title: Mine}", "line 2, cards.mine.chip", "missing"),
        ("cards: {t4: {driver_memory_mib: {value: 17000, source: x}}}", "cards.t4", "more than memory_gb"),
        ("cards: {p40: {rates: {float32_tflops: 1, tensor_float16_tflops: 9, source: x}}}", "cards.p40", "tensor"),
        ("cards: {t4: {rates: {float32_tflops: 8, source: x}}}", "cards.t4", "needs tensor_float16_tflops"),
        ("cards: {p40: {mixed_precision_gain: {low: 1, high: 2, source: x}}}", "cards.p40", "without tensor cores"),
        (
            "cards: {t4: {rates: {float32_tflops: 8, tensor_float16_tflops: 9, tensor_bfloat16_tflops: 9, source: x}}}",
            "cards.t4.rates",
            "Turing has neither bfloat16",
        ),
        (
            "cards: {t4: {chip: {name: x, compute_capability: '7.6', tensor_cores: true, source: x}}}",
            "cards.t4.chip.compute_capability",
            "7.6 is no generation",
        ),
        ("cards: {p40: {aliases: [t4]}}", "cards", "both called"),
        ("cards: {t4: null}", "instances.g4dn.xlarge.shape.card", "there is no card t4"),
        ("cards: 3", "line 1, cards", "a mapping is wanted"),
        ("discounts: {spot: {low: 0, high: 90, source: x}}", "discounts", "part of the price"),
        ("stated: {cycle_hours: {t4x4: {low: 5, high: 4, source: x}}}", "stated.cycle_hours.t4x4", "above high"),
        ("stated: {cycle_hours: {t4x4: {value: 1, high: 4, source: x}}}", "stated.cycle_hours.t4x4", "either value"),
        ("stated: {cycle_hours: {t4x4: []}}", "stated.cycle_hours.t4x4", "at least 1"),
        ("contradictions: {latency_gain: {about: [speed.gpu]}}", "contradictions.latency_gain.about", "speed.gpu"),
        ("cards: {t4: {title: a, title: b}}", "cards.t4.title", "given twice"),
        ("colour: red", "line 1, colour", "no such key"),
        ("- 1", "own.yaml", "holds no keys"),
        ("", "own.yaml", "holds no keys"),
        ("cards: {", "own.yaml", "is no YAML"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_fix(with_own, text, where, problem):
    with pytest.raises(InputError) as caught:
        with_own(text)
    assert "own.yaml" in caught.value.where
    assert where in caught.value.where
    assert problem in caught.value.problem
    assert caught.value.fix


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: can't be read"):
        load_catalogue(tmp_path / "nowhere.yaml")
