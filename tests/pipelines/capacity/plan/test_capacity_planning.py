"""A request is answered: what fits, in which order, and what helps where it doesn't."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.train.recipe import recipe_of
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.plan.advice import advised
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess, sketch
from pipelines.capacity.schedule.check import violations
from pipelines.capacity.schedule.simulate import disagreements

CATALOGUE = load_catalogue()
KNOWN = Knowledge(CATALOGUE)
# A card of 6 GB, four thousand chunks a step, float32, the server beside: nothing but the smallest member fits.
TOO_LARGE = Wishes(cards="gtx-1660", batch=4096, precision="float32", serve_on="card")


def planned(wishes: Wishes) -> Answer:
    return advised(assess(request_of(wishes, CATALOGUE), KNOWN), KNOWN)


def holds(wishes: Wishes) -> bool:
    return assess(request_of(wishes, CATALOGUE), KNOWN).holds


@pytest.mark.parametrize("card", CATALOGUE.cards)
def test_five_members_fit_on_every_card_of_the_catalogue(card: str) -> None:
    answer = planned(Wishes(cards=card))
    assert answer.fits
    assert not answer.changes or not answer.in_time
    assert {each.workload for each in answer.memory} == set(answer.request.trained.members)
    assert all(each.compiled_bytes is None and each.observed_bytes is None for each in answer.memory)


@pytest.mark.parametrize("card", CATALOGUE.cards)
def test_a_workload_that_is_larger_than_the_card_does_not_fit(card: str) -> None:
    gigabytes = CATALOGUE.cards[card].memory_bytes / 1e9 + 1
    answer = planned(Wishes(cards=card, beside=(f"other={gigabytes}",)))
    assert not answer.fits
    assert "other takes" in answer.why[0]


def test_what_does_not_fit_says_by_how_much_and_what_helps() -> None:
    answer = planned(TOO_LARGE)
    assert not answer.fits
    assert all("in training; a gtx-1660 has at most" in line for line in answer.why)
    assert answer.changes[0].option.startswith("--accumulation")
    assert all(each.fits and each.in_time for each in answer.changes)


def test_a_change_that_is_taken_makes_it_fit_and_a_smaller_one_does_not() -> None:
    options = dict(each.option.removeprefix("--").split(" ", 1) for each in planned(TOO_LARGE).changes)
    parts, batch = int(options["accumulation"]), int(options["batch"])
    assert holds(replace(TOO_LARGE, accumulation=parts))
    assert not holds(replace(TOO_LARGE, accumulation=parts // 2))
    assert holds(replace(TOO_LARGE, batch=batch))
    assert not holds(replace(TOO_LARGE, batch=2 * batch))


def test_half_precision_is_taken_only_where_a_card_gains_from_it() -> None:
    cards = ("v100", "p40", "l4")
    precisions = {card: {each.precision for each in planned(Wishes(cards=card)).times} for card in cards}
    assert precisions["l4"] == {"mixed_bfloat16"}
    assert precisions["v100"] == {"mixed_float16"}
    assert precisions["p40"] == {"float32"}


def test_a_precision_that_a_card_lacks_is_refused() -> None:
    with pytest.raises(InputError, match="has no mixed_bfloat16"):
        planned(Wishes(cards="v100", precision="mixed_bfloat16"))


def test_no_card_and_no_calibration_says_what_to_do() -> None:
    with pytest.raises(InputError, match="--calibrate"):
        planned(Wishes(cards="none"))


def test_serving_leaves_the_card_to_training_unless_it_is_asked_for() -> None:
    by_itself, on_card = planned(Wishes()), planned(Wishes(serve_on="card"))
    assert by_itself.serving_on == "cpu"
    assert any("left to training" in line for line in by_itself.remarks)
    assert on_card.serving_on == "v100-pcie-32gb"
    rooms = [min(each.room_bytes for each in one.memory if each.use == "training") for one in (by_itself, on_card)]
    assert rooms[1] < rooms[0]


def test_a_second_card_halves_the_night_at_best() -> None:
    one, two = (planned(Wishes(cards=f"t4 x{count}")) for count in (1, 2))
    assert one.order is not None
    assert two.order is not None
    assert one.order.hours.high / 2 - 0.05 <= two.order.hours.high <= one.order.hours.high


def test_folds_and_experiments_are_planned_as_well() -> None:
    answer = planned(Wishes(cards="v100 x2", folds=5, experiments=50, retrain_experiments=True))
    titles = [each.title for each in answer.orders]
    assert "5 folds x 5 members" in titles
    assert any("50 weight experiments" in title for title in titles)
    assert any("sluice search-weights" in line for line in answer.remarks)


def test_the_documents_contradictions_are_named() -> None:
    texts = [each.text for each in planned(Wishes(members="stacked_lstm,patchtst")).contradictions]
    assert any("38 GB" in text for text in texts)
    assert any("PatchTST wants 40 GB" in text for text in texts)


@settings(max_examples=20, deadline=None)
@given(
    card=st.sampled_from(sorted(CATALOGUE.cards)),
    count=st.integers(1, 6),
    rows=st.integers(1_000, 3_000_000),
    batch=st.integers(1, 2_000),
    on_card=st.booleans(),
)
def test_every_plan_holds_when_it_is_replayed(card: str, count: int, rows: int, batch: int, on_card: bool) -> None:
    wishes = Wishes(cards=f"{card} x{count}", rows=rows, batch=batch, serve_on="card" if on_card else "cpu")
    answer = assess(request_of(wishes, CATALOGUE), KNOWN)
    for order in answer.orders:
        assert violations(order.problem, order.schedule) == ()
        assert disagreements(order.problem, order.schedule) == ()


@settings(max_examples=12, deadline=None)
@given(
    cards=st.sampled_from(("t4", "p40 x3", "v100 x2, t4", "gtx-1660 x4")),
    passes=st.floats(0.1, 300),
    batch=st.sampled_from((16, 256, 4_096)),
    place=st.sampled_from(("cpu", "card")),
)
def test_a_sketch_says_what_the_whole_answer_says(cards: str, passes: float, batch: int, place: str) -> None:
    request = request_of(Wishes(cards=cards, passes=f"{passes}", batch=batch, serve_on=place), CATALOGUE)
    short, whole = sketch(request, KNOWN), assess(request, KNOWN)
    assert short.fits == whole.fits
    assert (short.fits and short.in_time) == whole.holds


@pytest.mark.parametrize(
    ("wishes", "wrong"),
    [
        (Wishes(cards="v100 x0"), "--cards"),
        (Wishes(cards="x2"), "names no card"),
        (Wishes(cards="rtx-9999"), "rtx-9999"),
        (Wishes(batch=-1), "batch"),
        (Wishes(accumulation=65), "accumulation"),
        (Wishes(members="lstm"), "there is no member lstm"),
        (Wishes(members="linear"), "no network is named"),
        (Wishes(rows=50), "rows"),
        (Wishes(window=0), "window"),
        (Wishes(passes="some"), "--passes"),
        (Wishes(passes="0"), "--passes"),
        (Wishes(dawn="weekends"), "--dawn"),
        (Wishes(dawn="mon 02:00-10:00"), "--dawn"),
        (Wishes(beside=("inference",)), "--beside"),
        (Wishes(precision="half"), "--precision"),
        (Wishes(serve_on="moon"), "--serve-on"),
        (Wishes(every_seconds=0), "every_seconds"),
    ],
)
def test_a_wrong_wish_is_named(wishes: Wishes, wrong: str) -> None:
    with pytest.raises(InputError) as error:
        request_of(wishes, CATALOGUE)
    assert wrong in str(error.value)


def test_each_network_is_planned_with_the_batch_that_it_is_trained_with() -> None:
    trained = request_of(Wishes(members="stacked_lstm,spike_detector"), CATALOGUE).trained
    recipe = recipe_of(segment=1)
    assert trained.batch_of("stacked_lstm") == recipe.chunks, "causal: on chunks"
    assert trained.batch_of("spike_detector") == trained.largest_batch == recipe.windows
    halved = replace(trained, batch=10, accumulation=4)
    assert [(halved.batch_of(name), halved.micro_batch_of(name)) for name in halved.names] == [(10, 3), (10, 3)]
