"""From one station to a thousand: where one card stops being enough, and that it never gets fewer cards."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from components.errors import InputError
from pipelines.capacity.growth import COUNTS, as_json, render_growth, stations
from pipelines.capacity.growth.demand import Demand, Limits
from pipelines.capacity.growth.least_cards import enough_for, night_seconds, stations_on_one_card
from pipelines.capacity.growth.stations import growth
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem, Service
from pipelines.capacity.schedule.ways import longest_first

LIMITS = Limits(window_seconds=8 * 3600, period_seconds=600, most_cards=64)
SECONDS = st.floats(1, 20_000)
DEMANDS = st.builds(
    lambda times, scoring: Demand(
        "drawn", {f"member {place}": Range.of(pair) for place, pair in enumerate(times)}, Range.of(scoring)
    ),
    st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=5),
    st.tuples(st.floats(0, 2), st.floats(0, 2)),
)


def hours(value: float) -> Demand:
    return Demand("five", {f"member {place}": Range.exactly(value * 3600) for place in range(5)})


@pytest.mark.parametrize(
    ("demand", "count", "cards"),
    [
        (hours(1.2), 1, 1),
        (hours(1.2), 2, 2),
        (hours(1.2), 6, 5),
        (hours(1.2), 7, 6),
        (hours(4), 1, 3),
        (hours(8), 2, 10),
    ],
)
def test_cards_are_as_many_as_whole_trainings_fit_a_window(demand, count, cards):
    # Of trainings of 1.2 h, six fit into 8 h; of 4 h two; of 8 h one.
    assert enough_for(count, demand, LIMITS).cards == cards


@pytest.mark.parametrize(("each", "most"), [(1.2, 1), (0.4, 4), (0.6, 2), (9, 0)])
def test_one_card_is_enough_up_to_a_number_of_stations(each, most):
    assert stations_on_one_card(hours(each), LIMITS) == most


def test_a_training_longer_than_the_window_is_never_done_in_it():
    found = enough_for(1, hours(9), LIMITS)
    assert (found.cards, found.night_seconds) == (None, None)


def test_scoring_takes_its_share_of_the_card():
    free, loaded = hours(1.6), Demand("scored", hours(1.6).training_seconds, Range.exactly(60))
    assert enough_for(1, free, LIMITS).cards == 1
    assert enough_for(1, loaded, LIMITS).cards == 2


@settings(max_examples=60, deadline=None)
@given(DEMANDS, st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(1, 64))
def test_least_cards_never_fall_when_stations_grow(demand, counts, most):
    found = growth("card", counts, demand, Limits(8 * 3600, 600, most))
    for case in ("best", "worst"):
        cards = [getattr(point, case).cards for point in found.points]
        known = [each for each in cards if each is not None]
        assert known == sorted(known)
        assert cards == known + [None] * (len(cards) - len(known))
    assert all(point.best.cards <= point.worst.cards for point in found.points if point.worst.cards is not None)


@settings(max_examples=60, deadline=None)
@given(DEMANDS, st.integers(1, 60))
def test_no_fewer_cards_are_named_than_the_work_needs(demand, count):
    found = enough_for(count, demand, LIMITS)
    if found.cards is not None:
        assert 1 <= found.at_least <= found.cards <= LIMITS.most_cards
        assert found.night_seconds <= LIMITS.window_seconds


@settings(max_examples=60, deadline=None)
@given(DEMANDS)
@example(Demand("rounded", {"member 0": Range.exactly(1.0)}, Range(0.0, 2.220446049250313e-16)))
def test_one_card_is_enough_for_just_so_many(demand):
    most = stations_on_one_card(demand, LIMITS)
    if most:
        assert enough_for(most, demand, LIMITS).cards == 1
    assert enough_for(most + 1, demand, LIMITS).cards != 1


@settings(max_examples=40, deadline=None)
@given(DEMANDS, st.integers(1, 12), st.integers(1, 6))
def test_the_short_plan_is_that_of_the_schedule(demand, count, cards):
    share = count * demand.scoring_seconds.high / (LIMITS.period_seconds * cards)
    slots = tuple(CardSlot(f"card {number}", "card", 0) for number in range(cards))
    jobs = tuple(
        Job(f"{station} {name}", "night", {"card": seconds.high}, 0)
        for station in range(count)
        for name, seconds in demand.training_seconds.items()
    )
    services = tuple(Service(f"scoring {slot.name}", 0, slot.name, share) for slot in slots)
    planned = longest_first(Problem(slots, jobs, services)).makespan_seconds
    assert night_seconds(count, cards, demand, LIMITS) == planned


def test_one_v100_is_enough_for_one_station_by_the_documents_hours(catalogue):
    stated, mixed, _ = stations(COUNTS, "v100", catalogue)
    assert stated.sentence == "One Tesla V100 PCIe 32 GB is enough up to 1 station (stated: 1.2 h a model)."
    assert mixed.one_card == Range(2, 3)
    assert [point.worst.cards for point in stated.points[:4]] == [1, 2, 5, 9]
    assert stated.points[-1].worst.cards is None


@pytest.mark.parametrize(
    ("card", "titles"),
    [
        ("p40", ["stated: 4 h a model", "predicted: 1 to 13 passes over 781,163 rows"]),
        ("a6000", ["predicted: 1 to 13 passes over 781,163 rows"]),
    ],
)
def test_each_basis_of_times_stands_by_itself(catalogue, card, titles):
    assert [each.demand.title for each in stations((1,), card, catalogue)] == titles


def test_more_passes_take_more_cards(catalogue):
    one, many = (stations((100,), "v100", catalogue, passes)[-1] for passes in (Range(1, 1), Range(5, 10)))
    assert one.points[0].worst.cards < many.points[0].best.cards
    assert many.demand.title == "predicted: 5 to 10 passes over 781,163 rows"
    assert one.one_card.low > many.one_card.high


@pytest.mark.parametrize(("counts", "most"), [((0,), 64), ((1,), 0)])
def test_numbers_below_one_are_refused(catalogue, counts, most):
    with pytest.raises(InputError, match="give 1 or more"):
        stations(counts, "v100", catalogue, most_cards=most)


def test_no_passes_are_refused(catalogue):
    with pytest.raises(InputError, match="train nothing"):
        stations((1,), "v100", catalogue, Range(0, 1))


def test_times_of_ones_own_are_a_basis_too():
    own = Demand("measured here", {f"m{place}": Range(60, 300) for place in range(5)})
    found = growth("V100", (1, 1000), own, LIMITS)
    assert (found.points[1].best.cards, found.points[1].worst.cards) == (11, 53)
    assert found.sentence == "One V100 is enough up to 19 to 96 stations (measured here)."


def test_a_thousand_stations_on_64_cards_take_a_moment(catalogue):
    begun = time.process_time()
    stations(COUNTS, "v100", catalogue, Range(2, 4))
    assert time.process_time() - begun < 10


def test_the_screen_shows_every_count_and_every_answer(catalogue):
    found = stations(COUNTS, "v100", catalogue)
    console = Console(file=io.StringIO(), width=200)
    console.print(render_growth(found))
    text = console.file.getvalue()
    assert all(f"{count:,} " in text for count in COUNTS)
    assert all(each.sentence in text for each in found)
    assert "over 64" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 110


def test_json_has_the_cards_of_every_count(catalogue):
    told = as_json(stations((1, 2), "v100", catalogue))
    assert [[point["worst_cards"] for point in each["points"]] for each in told] == [[1, 2], [1, 1], [1, 1]]
