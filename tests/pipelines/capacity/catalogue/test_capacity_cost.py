"""What renting, owning and working cost: the documents' sums, break-even, and bounds that hold for any prices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.capacity.catalogue.cost import (
    HOURS_PER_MONTH,
    BreakEven,
    Electricity,
    OwnedCost,
    break_even,
    full_load_watts,
    in_krw,
    owned_cost,
    owned_cost_as_stated,
    price_usd_per_hour,
    project_cost,
    rent_usd_per_card_hour,
    rental_cost,
)
from pipelines.capacity.ranges import Range

# water-stack, cloud prices: provider, processors, memory, card as sold, disk, USD a month.
INSTANCES = {
    "g4dn.xlarge": ("AWS", 4, 16, 16, 125, 350),
    "g4dn.2xlarge": ("AWS", 8, 32, 16, 225, 600),
    "p3.2xlarge": ("AWS", 8, 61, 16, 100, 900),
    "n1-standard-4-t4": ("GCP", 4, 15, 16, None, 300),
    "n1-standard-8-t4": ("GCP", 8, 30, 16, None, 500),
    "n1-highmem-8-v100": ("GCP", 8, 52, 16, None, 1200),
    "nc4as-t4-v3": ("Azure", 4, 28, 16, None, 400),
    "nc6s-v3": ("Azure", 6, 112, 16, None, 900),
}


def test_the_catalogue_has_the_instances_of_the_document_and_no_others(catalogue):
    assert set(catalogue.instances) == set(INSTANCES)


@pytest.mark.parametrize(("key", "row"), INSTANCES.items())
def test_every_instance_is_as_stated(catalogue, key, row):
    instance = catalogue.instance(key)
    shape = instance.shape
    memory_gb = catalogue.cards[shape.card].memory_gb.value
    assert (instance.provider, shape.vcpu, shape.ram_gb, memory_gb, shape.disk_gb, instance.monthly_usd.value) == row


@pytest.mark.parametrize("key", INSTANCES)
def test_a_month_of_every_instance_costs_its_monthly_price_and_discounts_take_off_what_they_say(catalogue, key):
    instance = catalogue.instance(key)
    cost = rental_cost(instance, Range.exactly(HOURS_PER_MONTH), catalogue.discounts)
    monthly = instance.monthly_usd.value
    assert cost.on_demand_usd.low == pytest.approx(monthly)
    assert (cost.reserved_usd.low, cost.reserved_usd.high) == pytest.approx((0.5 * monthly, 0.7 * monthly))
    assert (cost.spot_usd.low, cost.spot_usd.high) == pytest.approx((0.1 * monthly, monthly))


def test_the_stated_prices_of_v100_instances_are_less_than_half_of_the_providers_own(catalogue):
    month = {
        key: price_usd_per_hour(catalogue.instance(key), "listed") * HOURS_PER_MONTH
        for key in ("p3.2xlarge", "n1-highmem-8-v100", "nc6s-v3")
    }
    assert {key: round(price) for key, price in month.items()} == {
        "p3.2xlarge": 2234,
        "n1-highmem-8-v100": 2156,
        "nc6s-v3": 2234,
    }
    assert "2,156 to 2,234" in catalogue.contradictions["cloud_v100_price"].text


def test_a_missing_list_price_is_refused_with_the_fix(with_own):
    own = with_own("instances: {nc6s-v3: {list_usd_per_hour: null}}")
    with pytest.raises(InputError, match=r"instances\.nc6s-v3") as caught:
        price_usd_per_hour(own.instance("nc6s-v3"), "listed")
    assert "list_usd_per_hour" in caught.value.fix


def test_a_reservation_is_paid_for_whole_months(catalogue):
    instance = catalogue.instance("g4dn.xlarge")
    short, longer = (rental_cost(instance, Range.exactly(hours), catalogue.discounts) for hours in (10, 740))
    assert short.reserved_usd.high == pytest.approx(0.7 * 350)
    assert longer.reserved_usd.high == pytest.approx(2 * 0.7 * 350)
    assert short.on_demand_usd.high < short.reserved_usd.low


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_more_hours_never_cost_less(catalogue, some, more):
    instance = catalogue.instance("p3.2xlarge")
    hours = Range.of((some, more))
    cost = rental_cost(instance, hours, catalogue.discounts)
    ends = [rental_cost(instance, Range.exactly(end), catalogue.discounts) for end in (hours.low, hours.high)]
    for way in ("on_demand_usd", "reserved_usd", "spot_usd"):
        whole, least, most = getattr(cost, way), getattr(ends[0], way), getattr(ends[1], way)
        assert whole.low == pytest.approx(least.low)
        assert whole.high == pytest.approx(most.high)
        assert 0 <= whole.low <= whole.high


def test_a_card_is_rented_at_what_its_instances_cost_and_some_are_rented_nowhere(catalogue):
    t4 = rent_usd_per_card_hour(catalogue, catalogue.card("t4"))
    assert t4 == Range(300 / HOURS_PER_MONTH, 600 / HOURS_PER_MONTH)
    v100 = rent_usd_per_card_hour(catalogue, catalogue.card("v100-sxm2-16gb"))
    assert v100 == Range(900 / HOURS_PER_MONTH, 3.06)
    assert rent_usd_per_card_hour(catalogue, catalogue.card("rtx-3060")) is None


@pytest.mark.parametrize(
    ("key", "price_usd", "cards", "memory_gb", "stated_monthly_usd"),
    [("basic", 2750, 1, 24, 100), ("production", 11200, 2, 48, 150)],
)
def test_every_server_is_the_sum_of_its_parts_as_stated(
    catalogue, key, price_usd, cards, memory_gb, stated_monthly_usd
):
    server = catalogue.server(key)
    assert server.price_usd == price_usd
    assert server.cards.count == cards
    assert catalogue.cards[server.cards.card].memory_gb.value == memory_gb
    assert server.stated_monthly_usd.range == Range.exactly(stated_monthly_usd)
    # The price of the card itself, stated elsewhere in the same document.
    card_price = catalogue.cards[server.cards.card].prices[0].range
    assert server.parts["gpu"].usd == card_price.low * cards


def test_running_costs_add_up_to_200_to_250_a_month(catalogue):
    cost = owned_cost(catalogue.server("basic"), catalogue.running_costs)
    assert cost.monthly_usd == Range(200, 250)


@pytest.mark.parametrize(
    ("key", "as_stated", "with_running_costs"),
    [("basic", 3950, Range(5150, 5750)), ("production", 13000, Range(13600, 14200))],
)
def test_the_first_year_is_as_stated_and_dearer_with_the_documents_own_running_costs(
    catalogue, key, as_stated, with_running_costs
):
    server = catalogue.server(key)
    assert owned_cost_as_stated(server).total_usd(12) == Range.exactly(as_stated)
    assert catalogue.figure(f"one_year_usd.{key}").range == Range.exactly(as_stated)
    assert owned_cost(server, catalogue.running_costs).total_usd(12) == with_running_costs


def test_the_first_year_in_the_cloud_and_of_the_hybrid_are_as_stated(catalogue):
    cloud = Range.exactly(catalogue.instance("g4dn.xlarge").monthly_usd.value) * 12
    assert cloud == catalogue.figure("one_year_usd.cloud").range == Range.exactly(4200)
    hybrid = OwnedCost(Range.exactly(catalogue.server("basic").price_usd), catalogue.figure("monthly_usd.hybrid").range)
    assert hybrid.total_usd(12) == catalogue.figure("one_year_usd.hybrid").range


def test_the_basic_server_breaks_even_after_11_months_as_stated_and_18_to_28_by_its_running_costs(catalogue):
    server, rent = catalogue.server("basic"), Range.exactly(catalogue.instance("g4dn.xlarge").monthly_usd.value)
    assert break_even(owned_cost_as_stated(server), rent) == BreakEven(11, 11)
    honest = break_even(owned_cost(server, catalogue.running_costs), rent)
    assert (round(honest.earliest_months), round(honest.latest_months)) == (18, 28)


def test_a_server_that_costs_more_to_run_than_to_rent_never_breaks_even(catalogue):
    server = owned_cost(catalogue.server("production"), catalogue.running_costs)
    assert break_even(server, Range.exactly(200)) == BreakEven(None, None)
    assert break_even(server, Range(210, 240)) == BreakEven(11200 / 40, None)


@given(
    st.floats(0, 1e5),
    st.floats(0, 1e5),
    st.floats(0, 1e3),
    st.floats(0, 1e3),
    st.floats(0, 1e4),
    st.floats(0, 1e4),
)
def test_break_even_is_where_the_totals_meet(price, dearer, run, more, rent, higher):
    owned = OwnedCost(Range.of((price, dearer)), Range.of((run, more)))
    rented = Range.of((rent, higher))
    found = break_even(owned, rented)
    if found.latest_months is not None:
        assert found.earliest_months is not None
        assert found.earliest_months <= found.latest_months
        after = owned.initial_usd.high + owned.monthly_usd.high * found.latest_months
        assert after <= rented.low * found.latest_months + 1e-6 * max(1.0, after)
    if found.earliest_months is None:
        assert rented.high <= owned.monthly_usd.low


def test_electricity_is_computed_from_watts_and_takes_the_place_of_the_stated_one(catalogue):
    server = catalogue.server("basic")
    watts = full_load_watts(catalogue, server)
    assert watts == Range(450, 1000)
    power = Electricity(watts, price_usd_per_kwh=0.12)
    assert power.monthly_usd.low == pytest.approx(0.45 * 730 * 0.12)
    cost = owned_cost(server, catalogue.running_costs, power)
    assert cost.monthly_usd.low == pytest.approx(100 + 50 + 0.45 * 730 * 0.12)
    assert cost.monthly_usd.high == pytest.approx(100 + 50 + 1.0 * 730 * 0.12)


def test_full_load_counts_every_card(catalogue):
    assert full_load_watts(catalogue, catalogue.server("production")) == Range(600, 1600)


def test_a_project_costs_its_hardware_and_its_months(catalogue):
    labour = catalogue.figure("labour_krw_per_month.developer").range
    hardware = in_krw(Range.exactly(catalogue.server("basic").price_usd), krw_per_usd=1000)
    cost = project_cost(hardware, Range(2, 3), labour)
    assert cost.hardware_krw == Range.exactly(2_750_000)
    assert cost.total_krw == Range(22_750_000, 32_750_000)


def test_seven_months_of_labour_are_the_stated_saving(catalogue):
    months, labour = (catalogue.figure(key).range for key in ("saved.months", "labour_krw_per_month.developer"))
    saved = project_cost(Range.exactly(0), months, labour).total_krw
    assert saved == catalogue.figure("saved.krw").range
