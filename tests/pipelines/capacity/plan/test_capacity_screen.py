"""The screen: the verdict first, nothing wider than it should be, options that can be copied."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.duration.calibration import Calibration
from pipelines.capacity.duration.rates import Rates
from pipelines.capacity.plan.advice import advised
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess
from pipelines.capacity.plan.screen import WIDTH, render, verdict
from pipelines.capacity.plan.wording import span
from pipelines.capacity.ranges import Range

CATALOGUE = load_catalogue()
# One thread of an AMD EPYC, as calibrated on 2026-11-21.
MACHINE = Calibration(
    taken_at="2026-11-21T14:45:00+00:00",
    device="AMD EPYC, 1 thread",
    threads=1,
    precision="float32",
    versions={},
    window=100,
    columns=12,
    training=Rates(2.35e-06, 9.43e-07, 3.07e-11, 1.13e-11, 4.25e-11, 3.10e-10, 1.57e-08),
    inference=Rates(3.38e-06, 5.12e-07, 7.10e-12, 1.38e-11, 0.0, 2.65e-11, 1.76e-08),
)
WISHES = {
    "one card": Wishes(),
    "serving on one of two": Wishes(cards="v100-sxm2-32gb x2", serve_on="card"),
    "mixed": Wishes(cards="rtx 4090, p40 x3", folds=5, experiments=50, retrain_experiments=True),
    "with prices": Wishes(cards="rtx a6000 x2"),
    "too large": Wishes(cards="v100", batch=100_000),
    "too long": Wishes(cards="t4", rows=1_500_000, passes="100-200"),
    "beside others": Wishes(cards="rtx 3060", beside=("inference=6", "training=12")),
}


def planned(wishes: Wishes, calibration: Calibration | None = None) -> Answer:
    known = Knowledge(CATALOGUE, calibration)
    return advised(assess(request_of(wishes, CATALOGUE), known), known)


def shown(answer: Answer) -> list[str]:
    console = Console(width=WIDTH)
    with console.capture() as capture:
        for each in render(answer):
            console.print(each)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("wishes", WISHES.values(), ids=list(WISHES))
def test_no_line_is_too_wide_and_no_cell_is_broken(wishes: Wishes) -> None:
    answer = planned(wishes)
    lines = shown(answer)
    assert max(map(len, lines)) <= WIDTH
    for each in answer.times:
        assert any(each.member in line and span(each.training.seconds) in line for line in lines)
    assert all(any(each.option in line for line in lines) for each in answer.changes)


@pytest.mark.parametrize("wishes", WISHES.values(), ids=list(WISHES))
def test_the_verdict_and_its_reasons_come_first(wishes: Wishes) -> None:
    answer = planned(wishes)
    lines = " ".join(shown(answer))
    assert lines.startswith(" ".join(verdict(answer).split()))
    assert all(reason in lines for reason in answer.why)


def test_a_machine_without_a_card_is_planned_once_it_is_calibrated() -> None:
    answer = planned(Wishes(cards="none", rows=100_000, passes="1"), MACHINE)
    assert answer.holds
    assert answer.memory == ()
    assert {each.card for each in answer.times} == {"cpu"}
    assert all(each.training.high_seconds / each.training.low_seconds < 1.5 for each in answer.times)
    assert any("serving needs no card" in line for line in answer.remarks)


def test_a_card_without_a_known_rent_is_said_to_be_so(tmp_path: Path) -> None:
    priced, unpriced = planned(Wishes(cards="t4")), planned(Wishes(cards="v100-32gb"))
    assert any("rent isn't known" in line for line in unpriced.remarks)
    assert not any("rent isn't known" in line for line in priced.remarks)
    assert priced.order is not None
    assert priced.order.rent_usd is not None


def test_an_old_card_is_said_to_gain_nothing_and_to_lose_support() -> None:
    remarks = " ".join(planned(Wishes(cards="p40")).remarks)
    assert "mixed precision gains no time" in remarks
    assert "are the last for it" in remarks


def test_contradictions_are_those_of_so_many_cards() -> None:
    texts = {count: [each.text for each in planned(Wishes(cards=f"v100 x{count}")).contradictions] for count in (1, 2)}
    assert any("The pair takes 1.8 or 2 hours" in text for text in texts[2])
    assert not any("The pair takes 1.8 or 2 hours" in text for text in texts[1])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (Range(0.0276, 0.0447), "27.6 to 44.7 ms"),
        (Range(7.08, 188), "7.08 s to 3.13 min"),
        (Range(3600, 3600), "1 h"),
        (Range(0.65, 5.85), "650 ms to 5.85 s"),
        (Range(3600 * 1500, 3600 * 2500), "1,500 to 2,500 h"),
    ],
)
def test_each_end_of_a_range_has_the_unit_that_suits_it(seconds: Range, words: str) -> None:
    assert span(seconds) == words
