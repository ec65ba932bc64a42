"""Cards are found however they are written, and serving stays where it can."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess
from pipelines.capacity.plan.request import CardCount, Request, parse_cards

CATALOGUE = load_catalogue()


def planned(wishes: Wishes) -> Answer:
    return assess(request_of(wishes, CATALOGUE), Knowledge(CATALOGUE))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("v100-32gb", {"v100-pcie-32gb": 1}),
        ("v100-32gb x2", {"v100-pcie-32gb": 2}),
        ("t4x4", {"t4": 4}),
        ("t4 X 4", {"t4": 4}),
        ("4 x T4 16 GB", {"t4": 4}),
        ("rtx 3060", {"rtx-3060-12gb": 1}),
        ("RTX 3060 x2", {"rtx-3060-12gb": 2}),
        ("gtx 1660 ti", {"gtx-1660-ti": 1}),
        ("Tesla-V100-SXM2-16GB", {"v100-sxm2-16gb": 1}),
        ("t4, p40 x3, t4 x2", {"t4": 3, "p40": 3}),
        ("none", {}),
    ],
)
def test_cards_are_found_however_they_are_written(text: str, wanted: dict[str, int]) -> None:
    assert {each.card.key: each.count for each in parse_cards(text, CATALOGUE)} == wanted


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(CATALOGUE.cards)), st.integers(1, 4096), min_size=1, max_size=5))
def test_a_requests_title_names_the_same_cards_again(counts: dict[str, int]) -> None:
    cards = tuple(CardCount(CATALOGUE.cards[key], count) for key, count in counts.items())
    assert parse_cards(Request(cards).title, CATALOGUE) == cards


def test_a_card_that_serves_trains_nothing_where_there_is_another() -> None:
    order = planned(Wishes(cards="v100 x3", serve_on="card")).order
    assert order is not None
    used = {each.card for each in order.schedule.placements if each.job.startswith("retrain")}
    assert used == {"v100-pcie-32gb 2", "v100-pcie-32gb 3"}
    assert [each.card for each in order.problem.services] == ["v100-pcie-32gb 1"]


def test_an_only_card_serves_and_trains() -> None:
    order = planned(Wishes(cards="v100", serve_on="card")).order
    assert order is not None
    assert order.in_time
    assert {each.card for each in order.schedule.placements if each.job.startswith("retrain")} == {"v100-pcie-32gb 1"}


def test_serving_takes_a_card_by_itself_only_where_a_cpu_may_be_too_slow() -> None:
    assert planned(Wishes(serve_windows=1_000)).serving_on == "cpu"
    assert planned(Wishes(serve_windows=1_000, every_seconds=5)).serving_on == "v100-pcie-32gb"
    assert planned(Wishes(serve_windows=1_000, every_seconds=5, serve_on="cpu")).serving_on == "cpu"


def test_serving_that_fits_nowhere_takes_no_room_from_training() -> None:
    answer = planned(Wishes(cards="v100", serve_windows=400_000, serve_on="card"))
    assert not answer.fits
    assert [each.workload for each in answer.memory if not each.fits] == ["serving"]
