"""The page of an answer: the verdict first, then every card, workload, order and change; no data taken for markup."""

from __future__ import annotations

from dataclasses import replace

import pytest
from page_reader import Reader, read

from pipelines.capacity.page import write_page
from pipelines.capacity.page.answer_page import answer_page
from pipelines.capacity.plan.advice import advised
from pipelines.capacity.plan.answer import Answer, Change
from pipelines.capacity.plan.planning import Knowledge, assess
from pipelines.capacity.plan.request import FixedWorkload, Request, parse_cards
from pipelines.capacity.ranges import Range

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def mixed(catalogue) -> Answer:
    known = Knowledge(catalogue)
    return advised(assess(Request(parse_cards("v100 x1, t4", catalogue)), known), known)


@pytest.fixture(scope="module")
def too_small(catalogue) -> Answer:
    huge = FixedWorkload(HOSTILE, 64 * 2**30, "measured here")
    found = assess(Request(parse_cards("gtx-1660", catalogue), fixed=(huge,)), Knowledge(catalogue))
    another = Change("another card", f"--cards {HOSTILE}", True, True, 2**30, Range(1, 2), HOSTILE)
    return replace(found, changes=(another,))


def written(answer: Answer, tmp_path) -> tuple[str, Reader]:
    write_page(answer, tmp_path / "plan.html")
    html = (tmp_path / "plan.html").read_text(encoding="utf-8")
    return html, read(html)


def test_the_page_names_every_card_workload_order_and_remark_and_loads_nothing(mixed, tmp_path):
    html, found = written(mixed, tmp_path)
    assert found.loaded == []
    for slot in mixed.order.problem.cards:
        assert slot.name in html
    for each in mixed.memory:
        assert each.workload.replace("_", " ") in found.text
    for each in mixed.times:
        assert each.training.basis in found.text
    for order in mixed.orders:
        assert order.title in found.text
    assert all(remark in found.text for remark in mixed.remarks)
    assert all(each.text in found.text for each in mixed.contradictions)


def test_the_verdict_says_whether_everything_fits_and_is_in_time(mixed):
    fits = answer_page(replace(mixed, fits=True, in_time=True)).verdict
    late = answer_page(replace(mixed, fits=True, in_time=False)).verdict
    no = answer_page(replace(mixed, fits=False, in_time=False)).verdict
    assert [(each.text, each.good) for each in (fits, late, no)] == [
        ("Fits and is in time", True),
        ("Fits, but not in time", False),
        ("Doesn't fit", False),
    ]


def test_what_does_not_fit_is_said_first_with_what_would_make_it_fit(too_small, tmp_path):
    _, found = written(too_small, tmp_path)
    assert not too_small.fits
    assert all(why in found.text for why in too_small.why)
    assert all(change.what in found.text for change in too_small.changes)
    assert found.text.index("Doesn't fit") < found.text.index("Memory")


def test_names_that_a_user_gives_are_text_and_no_markup(too_small, tmp_path):
    html, _ = written(too_small, tmp_path)
    assert HOSTILE not in html


def test_a_plan_without_a_card_has_a_page_too(mixed, tmp_path):
    bare = replace(mixed, request=Request(()), orders=(), purchases=(), times=(), memory=())
    _, found = written(bare, tmp_path)
    assert "Plan for no card" in found.text
    assert "Alternatives" not in found.text
