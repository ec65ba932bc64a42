"""What such cards cost: rented by the month, or bought in a server."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipelines.capacity.catalogue.cost import break_even, owned_cost
from pipelines.capacity.catalogue.machines import Instance, Server
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.plan.answer import Purchase
from pipelines.capacity.plan.request import CardCount, Request
from pipelines.capacity.ranges import Range


def purchases(request: Request, catalogue: Catalogue) -> tuple[Purchase, ...]:
    """Instances and servers of the catalogue with these kinds of cards, as many of them as the cards ask for."""
    return tuple(line for wanted in request.cards for line in _lines(wanted, catalogue))


def _lines(wanted: CardCount, catalogue: Catalogue) -> Iterator[Purchase]:
    rents = [_rented(wanted, each) for each in catalogue.instances_with(wanted.card)]
    yield from rents
    yield from _cards_alone(wanted)
    rent = Range.of(end for each in rents for end in (each.monthly_usd.low, each.monthly_usd.high)) if rents else None
    for server in catalogue.servers.values():
        if server.cards.card == wanted.card.key:
            yield _bought(wanted, server, catalogue, rent)


def _cards_alone(wanted: CardCount) -> Iterator[Purchase]:
    for price in wanted.card.prices:
        if price.currency == "USD":
            what = f"{wanted.count} x {wanted.card.key}, the cards alone ({price.source})"
            yield Purchase(what, Range.exactly(0), price.range * wanted.count)


def _rented(wanted: CardCount, instance: Instance) -> Purchase:
    machines = math.ceil(wanted.count / instance.shape.cards)
    monthly = Range.exactly(machines * instance.monthly_usd.value)
    return Purchase(f"{machines} x {instance.key}, on demand", monthly, Range.exactly(0))


def _bought(wanted: CardCount, server: Server, catalogue: Catalogue, rent: Range | None) -> Purchase:
    machines = math.ceil(wanted.count / server.cards.count)
    owned = owned_cost(server, catalogue.running_costs)
    months = None
    if rent is not None:
        found = break_even(owned, rent / machines)
        if found.earliest_months is not None and found.latest_months is not None:
            months = Range(found.earliest_months, found.latest_months)
    return Purchase(
        f"{machines} x {server.key} server", owned.monthly_usd * machines, owned.initial_usd * machines, months
    )
