"""Growth, PCB, the stock backend and the cloud: the documents' other tables, figure by figure."""

from __future__ import annotations

import pytest

from pipelines.capacity.examples import run_example
from pipelines.capacity.examples.comparison import Comparison, Row
from pipelines.capacity.examples.pcb import pcb_cards
from pipelines.capacity.examples.stock import PRICE_PREDICTOR, StackedLstm
from pipelines.capacity.ranges import Range


def row_of(comparison: Comparison, what: str, part: str) -> Row:
    found = [row for each in comparison.parts if part in each.title for row in each.rows if what in row.what]
    assert len(found) == 1, [row.what for row in found]
    return found[0]


def ends(row: Row) -> tuple[float, float]:
    assert isinstance(row.computed, Range)
    return (row.computed.low, row.computed.high)


@pytest.mark.parametrize(
    ("stage", "figures"),
    [
        ("781,163", (37.5, 781_064, 3.75, 24_409, 26.7, 38)),
        ("1,000,000", (48.0, 999_901, 4.80, 31_247, 40.0, 42)),
        ("1,500,000", (72.0, 1_499_901, 7.20, 46_872, 48.0, 46)),
    ],
)
def test_each_stage_of_growth_has_its_figures(catalogue, stage, figures):
    comparison = run_example("growth", catalogue)
    whats = ("Raw table", "Windows", "Windows written out", "Steps per epoch", "Model state", "Training and serving")
    rows = {row.what: row for part in comparison.parts if part.title.startswith(stage) for row in part.rows}
    for what, figure in zip(whats, figures, strict=True):
        assert ends(rows[what])[0] == pytest.approx(figure, rel=2e-3), what


@pytest.mark.parametrize(
    ("stage", "basis", "hours", "holds"),
    [
        ("781,163", "on 6 h", (6, 6), "within 8 h"),
        ("781,163", "on 10 h", (10, 10), "not within 8 h"),
        ("1,000,000", "on 6 h", (7.7, 7.7), "within 8 h"),
        ("1,000,000", "on 10 h", (12.8, 12.8), "not within 8 h"),
        ("1,500,000", "on 6 h", (11.5, 11.5), "not within 8 h"),
        ("1,500,000", "on 10 h", (19.2, 19.2), "not within 8 h"),
        ("1,500,000", "mixed precision", (3.8, 5.8), "within 8 h"),
    ],
)
def test_a_full_retraining_is_laid_against_the_dawn_window(catalogue, stage, basis, hours, holds):
    row = row_of(run_example("growth", catalogue), basis, stage)
    assert ends(row) == pytest.approx(hours, rel=2e-2)
    assert row.how.endswith(f": {holds}")


def test_new_records_a_day_are_far_fewer_than_the_items_scored(catalogue):
    comparison = run_example("growth", catalogue)
    assert ends(row_of(comparison, "781,163 to", "New"))[0] == pytest.approx(2431.5, abs=0.1)
    assert ends(row_of(comparison, "1,000,000 to", "New"))[0] == pytest.approx(5555.6, abs=0.1)
    assert ends(row_of(comparison, "Items scored", "New"))[0] == 144_000


def test_the_nights_of_growth_are_planned_one_training_after_the_other(catalogue):
    nights = run_example("growth", catalogue).plans
    hours = [night.schedule.makespan_seconds / 3600 for night in nights]
    assert hours == pytest.approx([6, 7.68, 11.52], abs=0.01)


@pytest.mark.parametrize("name", ["rtx-3070", "rtx-3080"])
def test_yolo_training_that_wants_more_than_the_card_has_is_rejected(catalogue, name):
    title = catalogue.card(name).title
    row = row_of(run_example("pcb-dedicated", catalogue), f"{title}: memory", "Training of YOLOv8")
    assert row.computed == "rejected"
    assert "RTX 3070 that has 8" in row.contradiction


@pytest.mark.parametrize("name", ["rtx-3060", "rtx-4090"])
def test_yolo_training_that_the_card_can_hold_is_accepted(catalogue, name):
    title = catalogue.card(name).title
    assert row_of(run_example("pcb-dedicated", catalogue), f"{title}: memory", "Training").computed == "accepted"


# By the stated needs in GiB and what the driver reports: a card sold with 8 GB has less than 8 GiB.
DEDICATED = {
    "gtx-1660-ti": "doesn't fit",
    "rtx-3070": "low end only",
    "rtx-3060": "fits",
    "rtx-a4000": "fits",
    "p40": "fits",
}
SHARED = {
    "rtx-3070": "doesn't fit",
    "rtx-3060": "doesn't fit",
    "rtx-a4000": "low end only",
    "t4": "low end only",
    "p40": "fits",
    "rtx-4090": "fits",
}
LIMITED = {"rtx-3060": "doesn't fit", "rtx-a4000": "doesn't fit", "rtx-4090": "low end only", "rtx-a6000": "fits"}


@pytest.mark.parametrize(("name", "fits"), DEDICATED.items())
def test_inference_and_synthesis_share_a_card_of_their_own(catalogue, name, fits):
    row = row_of(run_example("pcb-dedicated", catalogue), catalogue.card(name).title, "Card 0")
    assert row.computed == fits


@pytest.mark.parametrize(("name", "fits"), SHARED.items())
def test_training_beside_inference_needs_more_than_twelve_gb(catalogue, name, fits):
    row = row_of(run_example("pcb-shared", catalogue), catalogue.card(name).title, "Training beside 6 GiB")
    assert row.computed == fits


@pytest.mark.parametrize(("name", "fits"), LIMITED.items())
def test_a_process_at_its_limit_leaves_little_to_training(catalogue, name, fits):
    row = row_of(run_example("pcb-shared", catalogue), catalogue.card(name).title, "Training beside a process")
    assert row.computed == fits


@pytest.mark.parametrize("name", ["pcb-dedicated", "pcb-shared"])
def test_every_card_that_the_documents_give_a_memory_is_judged(catalogue, name):
    rows = {row.what for row in run_example(name, catalogue).rows}
    assert {card.title for card in pcb_cards(catalogue_documents(catalogue)).values()} <= rows


def catalogue_documents(catalogue):
    from pipelines.capacity.examples.documents import Documents

    return Documents(catalogue)


def test_all_three_services_together_need_14_to_22_and_want_30(catalogue):
    row = row_of(run_example("pcb-shared", catalogue), "All three together", "services")
    assert ends(row) == (14, 22)
    assert row.how == "recommended 30"


def test_a_card_sold_with_8_gb_falls_into_the_lowest_class_of_batches(catalogue):
    row = row_of(run_example("pcb-dedicated", catalogue), catalogue.card("rtx-3070").title, "Inference of")
    assert row.how.startswith("batch 1 ")


def test_without_a_card_inference_is_5_to_10_times_slower(catalogue):
    rows = [row for row in run_example("pcb-none", catalogue).rows if "3060" in row.how]
    assert [ends(row) for row in rows] == [(4.5, 9)]


def test_the_price_predictor_has_the_parameters_of_pytorch_and_half_a_megabyte_of_state():
    assert PRICE_PREDICTOR.parameters == 32_851
    assert PRICE_PREDICTOR.state_bytes == 525_616
    # One layer of one unit: four gates of an input, a state and two biases; a dense layer of one weight and one bias.
    assert StackedLstm(inputs=1, hidden=1, layers=1, outputs=1).parameters == 4 * (1 + 1 + 2) + 2


@pytest.mark.parametrize(("name", "stated", "sold"), [("rtx-4060", 12, 8), ("rtx-4070", 16, 12), ("rtx-3060", 12, 12)])
def test_stock_cards_are_laid_against_what_is_sold(catalogue, name, stated, sold):
    row = row_of(run_example("stock", catalogue), catalogue.card(name).title, "Cards")
    assert (row.stated[0].value, row.computed) == (Range.exactly(stated), Range.exactly(sold))
    assert row.differs is (stated != sold)


@pytest.mark.parametrize(("what", "times"), [("RSI", 30), ("Backtest", 40), ("LSTM", 20)])
def test_stated_seconds_give_the_stated_gains_of_stock(catalogue, what, times):
    assert ends(row_of(run_example("stock", catalogue), what, "Speed")) == (times, times)


@pytest.mark.parametrize(
    ("what", "low", "high"),
    [
        ("Cloud, g4dn.xlarge", 4200, 4200),
        ("Basic server, as it counts", 3950, 3950),
        ("Production server, as it counts", 13000, 13000),
        ("Hybrid", 5150, 5150),
        ("Basic server, running", 200, 250),
    ],
)
def test_a_year_costs_what_the_parts_and_months_add_up_to(catalogue, what, low, high):
    assert ends(row_of(run_example("cloud", catalogue), what, "One year")) == (low, high)


def test_a_server_of_ones_own_is_not_cheaper_in_its_first_year(catalogue):
    rows = {row.what: row for row in run_example("cloud", catalogue).rows}
    assert ends(rows["Basic server"]) == (5150, 5750)
    assert ends(rows["Production server"]) == (13600, 14200)
    assert rows["Basic server"].differs


def test_break_even_is_after_11_months_as_stated_and_18_to_28_by_the_documents_own_list(catalogue):
    rows = [row for row in run_example("cloud", catalogue).rows if row.what == "Basic server against g4dn.xlarge"]
    assert [ends(row) for row in rows] == [pytest.approx((11, 11)), pytest.approx((18.33, 27.5), abs=0.01)]


def test_no_instance_holds_the_stated_peak_of_training(catalogue):
    fits = [row for row in run_example("cloud", catalogue).rows if row.what.strip() == "training's peak"]
    assert [row.computed for row in fits] == ["doesn't fit"] * len(catalogue.instances)
