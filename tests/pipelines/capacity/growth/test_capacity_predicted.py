"""What Sluice's own members take: more rows take longer, faster cards less, and mixed precision only where it gains."""

from __future__ import annotations

import pytest

from pipelines.capacity.growth.predicted import (
    FIVE,
    mixed_precision_saving,
    pass_seconds,
    predicted_demand,
    scoring_seconds,
    serving_need,
    stated_work,
    training_needs,
)
from pipelines.capacity.ranges import Range

CARDS = ("v100", "t4", "p40", "p100", "a6000", "4090", "3060", "h100-sxm-80gb")


@pytest.mark.parametrize("name", CARDS)
def test_every_member_takes_time_and_memory_on_every_card(catalogue, name):
    card, work = catalogue.card(name), stated_work(catalogue)
    times, memory = pass_seconds(card, work), training_needs(card, work)
    assert tuple(times) == tuple(memory) == FIVE
    assert all(0 < each.low <= each.high for each in times.values())
    assert all(0 < each.total_bytes < card.memory_bytes for each in memory.values())
    assert scoring_seconds(card, work).high < 600


@pytest.mark.parametrize("name", ["v100", "p40"])
def test_more_rows_take_longer(catalogue, name):
    card = catalogue.card(name)
    now, later = (pass_seconds(card, stated_work(catalogue, records)) for records in (781_163, 1_500_000))
    for member in FIVE:
        assert later[member].low > now[member].low
        assert later[member].high > now[member].high


def test_half_precision_takes_less_memory_where_the_card_gains_from_it(catalogue):
    work = stated_work(catalogue)
    v100, p40 = (training_needs(catalogue.card(name), work) for name in ("v100", "p40"))
    assert all(v100[member].total_bytes < p40[member].total_bytes for member in FIVE)
    assert all(0 < each < 0.5 for each in mixed_precision_saving(work).values())


def test_a_second_version_takes_its_weights_and_no_more(catalogue):
    one, two, three = (serving_need(stated_work(catalogue), versions).total_bytes for versions in (1, 2, 3))
    assert 0 < two - one == three - two < one


def test_the_stated_work_is_that_of_core_v100(catalogue):
    work = stated_work(catalogue)
    assert (work.records, work.window, work.columns, work.batch, work.scored) == (781_163, 100, 12, 32, 1000)
    assert work.windows == 781_064


def test_a_station_that_needs_more_passes_takes_so_many_times_longer(catalogue):
    card = catalogue.card("v100")
    one, ten = (predicted_demand(catalogue, card, Range.exactly(passes)) for passes in (1, 10))
    assert ten.night_seconds.high == pytest.approx(10 * one.night_seconds.high)
    assert ten.scoring_seconds == one.scoring_seconds
    assert one.title == "predicted: 1 pass over 781,163 rows"
