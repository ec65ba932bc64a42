"""What hours of an instance, a server of one's own, and a whole project cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from components.errors import InputError
from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.figures import Span
from pipelines.capacity.catalogue.machines import Discounts, Instance, Server
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.ranges import Range

# Whose price of an instance counts: the founding document's, or the provider's own list.
PriceBasis = Literal["stated", "listed"]

# 8,760 hours of a year over 12 months: how the clouds turn hourly prices into monthly ones.
HOURS_PER_MONTH = 730.0


@dataclass(frozen=True)
class RentalCost:
    """What one instance costs for some hours.

    Attributes:
        on_demand_usd: paid by the hour.
        reserved_usd: reserved for whole months, paid whether used or not.
        spot_usd: of capacity left over; the high end is the price on demand, since no saving is promised.
    """

    on_demand_usd: Range
    reserved_usd: Range
    spot_usd: Range


@dataclass(frozen=True)
class Electricity:
    """What a server takes, and at what price.

    Attributes:
        watts: taken on average.
        price_usd_per_kwh: of electricity.
        hours_per_month: that it runs.
    """

    watts: Range
    price_usd_per_kwh: float
    hours_per_month: float = HOURS_PER_MONTH

    @property
    def monthly_usd(self) -> Range:
        """Costs of a month."""
        return self.watts * (self.hours_per_month / 1000 * self.price_usd_per_kwh)


@dataclass(frozen=True)
class OwnedCost:
    """What an owned server costs.

    Attributes:
        initial_usd: to buy it.
        monthly_usd: to run it.
    """

    initial_usd: Range
    monthly_usd: Range

    def total_usd(self, months: float) -> Range:
        """After so many months."""
        return self.initial_usd + self.monthly_usd * months


@dataclass(frozen=True)
class BreakEven:
    """When an owned server has cost no more than a rented one.

    Attributes:
        earliest_months: with the cheapest server and the dearest rent; None for never.
        latest_months: with the dearest server and the cheapest rent; None for never.
    """

    earliest_months: float | None
    latest_months: float | None


@dataclass(frozen=True)
class ProjectCost:
    """What a project costs, in won.

    Attributes:
        hardware_krw: cards and servers.
        labour_krw: months of work.
    """

    hardware_krw: Range
    labour_krw: Range

    @property
    def total_krw(self) -> Range:
        """Both together."""
        return self.hardware_krw + self.labour_krw


def price_usd_per_hour(instance: Instance, basis: PriceBasis = "stated") -> float:
    """Price on demand: the stated month spread over its hours, or the provider's own.

    Raises:
        InputError: the provider's price is asked for and isn't in the catalogue.
    """
    if basis == "stated":
        return instance.monthly_usd.value / HOURS_PER_MONTH
    if instance.list_usd_per_hour is None:
        raise InputError(
            f"instances.{instance.key}",
            "the catalogue has no list price of it",
            "add list_usd_per_hour in a catalogue of your own, or count with stated prices",
        )
    return instance.list_usd_per_hour.value


def rental_cost(instance: Instance, hours: Range, discounts: Discounts, basis: PriceBasis = "stated") -> RentalCost:
    """What so many hours of an instance cost in each of the three ways to pay (water-stack, cloud prices)."""
    price = price_usd_per_hour(instance, basis)
    months = Range(math.ceil(hours.low / HOURS_PER_MONTH), math.ceil(hours.high / HOURS_PER_MONTH))
    return RentalCost(
        on_demand_usd=hours * price,
        reserved_usd=months * (HOURS_PER_MONTH * price) * _left(discounts.reserved),
        spot_usd=hours * price * _left(discounts.spot),
    )


def rent_usd_per_card_hour(catalogue: Catalogue, card: Card) -> Range | None:
    """What an hour of one such card costs on demand, over all its instances and both kinds of prices; None for none."""
    prices = []
    for instance in catalogue.instances_with(card):
        prices.append(price_usd_per_hour(instance) / instance.shape.cards)
        if instance.list_usd_per_hour is not None:
            prices.append(instance.list_usd_per_hour.value / instance.shape.cards)
    return Range.of(prices) if prices else None


def full_load_watts(catalogue: Catalogue, server: Server) -> Range:
    """What a busy server takes: its cards alone at least, all that its power supply gives at most."""
    cards = catalogue.cards[server.cards.card].power_watts.value * server.cards.count
    return Range.of((cards, server.cards.power_supply_watts))


def owned_cost(server: Server, running_costs: Mapping[str, Span], electricity: Electricity | None = None) -> OwnedCost:
    """What a server costs, with the catalogue's running costs; the item `electricity` gives way to a computed one."""
    monthly = [span.range for item, span in running_costs.items() if electricity is None or item != "electricity"]
    if electricity is not None:
        monthly.append(electricity.monthly_usd)
    return OwnedCost(
        initial_usd=Range.exactly(server.price_usd),
        monthly_usd=sum(monthly, start=Range.exactly(0)),
    )


def owned_cost_as_stated(server: Server) -> OwnedCost:
    """What a server costs with the running costs of the document's comparison."""
    return OwnedCost(Range.exactly(server.price_usd), server.stated_monthly_usd.range)


def break_even(owned: OwnedCost, rented_monthly_usd: Range) -> BreakEven:
    """After how many months the server's total has come down to that of rent."""
    return BreakEven(
        earliest_months=_months(owned.initial_usd.low, rented_monthly_usd.high - owned.monthly_usd.low),
        latest_months=_months(owned.initial_usd.high, rented_monthly_usd.low - owned.monthly_usd.high),
    )


def project_cost(hardware_krw: Range, labour_months: Range, labour_krw_per_month: Range) -> ProjectCost:
    """Hardware and labour of a project (v100-options counts both)."""
    return ProjectCost(hardware_krw, labour_months * labour_krw_per_month)


def in_krw(usd: Range, krw_per_usd: float) -> Range:
    """Dollars in won; no document gives a rate, so the caller does."""
    return usd * krw_per_usd


def _left(discount: Span) -> Range:
    return Range(1 - discount.high, 1 - discount.low)


def _months(initial_usd: float, saved_usd_per_month: float) -> float | None:
    if initial_usd <= 0:
        return 0.0
    return initial_usd / saved_usd_per_month if saved_usd_per_month > 0 else None
