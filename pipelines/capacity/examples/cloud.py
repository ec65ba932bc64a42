"""Rent against buying: yearly totals, break-even, and which instances hold the stated peak of training."""

from __future__ import annotations

from pipelines.capacity.catalogue.cost import (
    HOURS_PER_MONTH,
    BreakEven,
    OwnedCost,
    break_even,
    owned_cost,
    owned_cost_as_stated,
    price_usd_per_hour,
)
from pipelines.capacity.catalogue.machines import Instance, Server
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.examples.comparison import Comparison, Part, Row, Statement
from pipelines.capacity.examples.documents import Documents
from pipelines.capacity.examples.room import card_gb, room_gb
from pipelines.capacity.ranges import Range

_YEAR_MONTHS = 12
# water-stack compares its servers with this instance.
_COMPARED = "g4dn.xlarge"


def cloud_example(catalogue: Catalogue) -> Comparison:
    """Water-stack's cloud and server tables."""
    documents = Documents(catalogue)
    return Comparison(
        name="cloud",
        title="Cloud against a server of one's own",
        parts=(
            Part("One year", _year(documents)),
            Part("Break-even", _break_even(documents)),
            Part(
                "Instances", tuple(row for each in catalogue.instances.values() for row in _instance(documents, each))
            ),
            Part("Ways to pay", _discounts(documents)),
            Part("Server sizes", _sizes(documents)),
        ),
    )


def _year(documents: Documents) -> tuple[Row, ...]:
    catalogue, rent = documents.catalogue, documents.catalogue.instance(_COMPARED).monthly_usd.value
    rows = [documents.row(f"Cloud, {_COMPARED}", "USD", "one_year_usd.cloud", rent * _YEAR_MONTHS, f"12 x {rent:g}")]
    for key, server in catalogue.servers.items():
        owned = owned_cost(server, catalogue.running_costs)
        stated = owned_cost_as_stated(server)
        rows += [
            documents.row(
                server.title,
                "USD",
                f"one_year_usd.{key}",
                owned.total_usd(_YEAR_MONTHS),
                f"{_sum(owned)} by its own list",
            ),
            documents.row(f"{server.title}, as it counts", "USD", "", stated.total_usd(_YEAR_MONTHS), _sum(stated)),
            documents.row(
                f"{server.title}, running", "USD a month", f"monthly_usd.{key}", owned.monthly_usd, _items(documents)
            ),
        ]
    hybrid = OwnedCost(Range.exactly(catalogue.server("basic").price_usd), documents.stated("monthly_usd.hybrid"))
    rows.append(
        documents.row(
            "Hybrid", "USD", "one_year_usd.hybrid", hybrid.total_usd(_YEAR_MONTHS), f"{_sum(hybrid)} as stated"
        )
    )
    return tuple(rows)


def _sum(owned: OwnedCost) -> str:
    return f"{owned.initial_usd} + 12 x {owned.monthly_usd}"


def _items(documents: Documents) -> str:
    return ", ".join(f"{item} {span.range}" for item, span in documents.catalogue.running_costs.items())


def _break_even(documents: Documents) -> tuple[Row, ...]:
    catalogue = documents.catalogue
    rent = Range.exactly(catalogue.instance(_COMPARED).monthly_usd.value)
    rows = []
    for server in catalogue.servers.values():
        for owned, basis in _bases(catalogue, server):
            found = break_even(owned, rent)
            rows.append(
                Row(f"{server.title} against {_COMPARED}", "months", (), _months(found), f"running costs {basis}")
            )
    return tuple(rows)


def _bases(catalogue: Catalogue, server: Server) -> tuple[tuple[OwnedCost, str], ...]:
    stated, listed = owned_cost_as_stated(server), owned_cost(server, catalogue.running_costs)
    return (stated, f"{stated.monthly_usd} as it counts"), (listed, f"{listed.monthly_usd} by its own list")


def _months(found: BreakEven) -> Range | str:
    if found.earliest_months is None:
        return "never"
    if found.latest_months is None:
        return f"from {found.earliest_months:.1f} on, or never"
    return Range(found.earliest_months, found.latest_months)


def _instance(documents: Documents, instance: Instance) -> tuple[Row, ...]:
    """Its price by the provider's own list, and whether its card holds training."""
    card = documents.catalogue.cards[instance.shape.card]
    peak = documents.stated("training_memory_gb.now").high
    listed = None
    if instance.list_usd_per_hour is not None:
        listed = price_usd_per_hour(instance, "listed") * HOURS_PER_MONTH
    price = _stated_price(instance, listed)
    holds = f"{card.title}, {card_gb(card):.1f} GB; {instance.fit}"
    fit = documents.row("  training's peak", "GB", "training_memory_gb.now", room_gb(peak, card), holds)
    is_v100 = card.chip.name == documents.catalogue.card("v100").chip.name
    of_aws = ("aws_v100_memory",) if is_v100 and instance.provider == "AWS" else ()
    return documents.naming(price, *(("cloud_v100_price",) if is_v100 else ())), documents.naming(fit, *of_aws)


def _stated_price(instance: Instance, listed: float | None) -> Row:
    figure = instance.monthly_usd
    stated = (Statement(Range.exactly(figure.value), figure.source, figure.note),)
    how = "the provider's own list, 730 h" if listed is not None else "no list price is known"
    computed = None if listed is None else Range.exactly(listed)
    return Row(f"{instance.provider} {instance.key}", "USD a month", stated, computed, how)


def _discounts(documents: Documents) -> tuple[Row, ...]:
    catalogue = documents.catalogue
    rent = catalogue.instance(_COMPARED).monthly_usd.value
    rows = []
    for way, saved in (("reserved", catalogue.discounts.reserved), ("spot", catalogue.discounts.spot)):
        left = (Range.exactly(1) - saved.range) * rent
        how = f"{saved.range * 100} % less; {saved.note or 'paid for the whole term'}"
        rows.append(Row(f"{_COMPARED}, {way}", "USD a month", (), left, how))
    return tuple(rows)


def _sizes(documents: Documents) -> tuple[Row, ...]:
    peak = documents.stated("training_memory_gb.now").high
    rows = []
    for size in documents.catalogue.server_sizes.values():
        for key in size.cards:
            card = documents.catalogue.cards[key]
            how = f"{size.title}; {card_gb(card):.1f} GB"
            row = documents.row(
                f"Peak on {card.title} x {size.count}", "GB", "training_memory_gb.now", room_gb(peak, card), how
            )
            rows.append(documents.naming(row))
    goal, price = documents.catalogue.server_sizes["production"], documents.catalogue.server("production").price_usd
    wanted = f"the goal says {Range(*goal.own_usd)}" if goal.own_usd else "the goal has no price"
    rows.append(Row("Production server, all parts", "USD", (), Range.exactly(price), wanted))
    return tuple(rows)
