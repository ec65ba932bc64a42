"""Tables of an answer: memory in its three columns, times, orders, prices, changes, contradictions and sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.validate.report.blocks import Cell, Table
from components.validate.report.wording import duration
from pipelines.capacity.ranges import Range

if TYPE_CHECKING:
    from pipelines.capacity.duration.predict import TimeEstimate
    from pipelines.capacity.plan.answer import Answer, Order, WorkloadMemory

_GIB = 2**30
_HOUR_SECONDS = 3_600
_NONE = "–"


def card_titles(answer: Answer) -> dict[str, str]:
    """Titles of the cards by their keys; the CPU's memory has an empty one."""
    return {"": "CPU", "cpu": "CPU", **{each.card.key: each.card.title for each in answer.request.cards}}


def size(count: float | None) -> str:
    """Bytes, in GiB from a tenth of one on."""
    if count is None:
        return _NONE
    return f"{count / _GIB:,.1f} GiB" if abs(count) >= _GIB / 10 else f"{count / 2**20:,.1f} MiB"


def hours_text(hours: Range) -> str:
    """Hours in whichever unit leaves short numbers: `5.6 min to 3.04 h`."""
    return " to ".join(dict.fromkeys(duration(each * _HOUR_SECONDS) for each in (hours.low, hours.high)))


def memory_table(answer: Answer) -> Table:
    """Each workload on each kind of card: the formula, what the compiler assigns, what was measured."""
    titles = card_titles(answer)
    head = ("Workload", "Card", "Formula", "Compiled", "Observed", "Room", "Left", "")
    caption = "Formula, compiled and observed are never mixed; a dash: not compiled or not measured."
    return Table(head, [_memory_row(each, titles.get(each.card, each.card)) for each in answer.memory], caption)


def _memory_row(need: WorkloadMemory, title: str) -> list[Cell]:
    return [
        Cell(f"{need.workload.replace('_', ' ')}, {need.use}", "text"),
        Cell(title, "text"),
        Cell(size(need.formula.total_bytes), "strong"),
        Cell(size(need.compiled_bytes)),
        Cell(size(need.observed_bytes)),
        Cell(size(need.room_bytes)),
        Cell(size(need.spare_bytes)),
        Cell("fits", "good") if need.fits else Cell("doesn't fit", "bad"),
    ]


def terms_table(answer: Answer, card: str) -> Table:
    """What each workload's sum on one kind of card consists of."""
    needs = [need for need in answer.memory if need.card == card]
    names = tuple(dict.fromkeys(term.name for need in needs for term in need.formula.terms))
    rows = []
    for need in needs:
        terms = {term.name: term.bytes for term in need.formula.terms}
        cells = [Cell(size(terms.get(name))) for name in names]
        rows.append([Cell(f"{need.workload.replace('_', ' ')}, {need.use}", "text"), *cells])
    title = card_titles(answer).get(card, card)
    return Table(("Workload", *names), rows, f"{title}: the formula by term.")


def times_table(answer: Answer) -> Table:
    """Each member's training on each kind of card, with what a document states beside it."""
    titles = card_titles(answer)
    rows = [
        [
            Cell(each.member.replace("_", " "), "text"),
            Cell(titles.get(each.card, each.card), "text"),
            Cell(each.precision, "text"),
            Cell(_span(each.step)),
            Cell(_span(each.training), "strong"),
            Cell(_stated(each.training), "small"),
        ]
        for each in answer.times
    ]
    return Table(("Member", "Card", "Precision", "A step", "All passes", "Stated of one model"), rows)


def _span(estimate: TimeEstimate) -> str:
    ends = dict.fromkeys((duration(estimate.low_seconds), duration(estimate.high_seconds)))
    return " to ".join(ends)


def _stated(estimate: TimeEstimate) -> str:
    if estimate.stated is None:
        return _NONE
    seconds = estimate.stated.seconds
    ends = dict.fromkeys((duration(seconds.low), duration(seconds.high)))
    return f"{' to '.join(ends)} ({estimate.stated.source})"


def orders_table(answer: Answer) -> Table:
    """The chosen order and the others, with what comes late."""
    head = ("Order", "Takes", "Rent, USD", "Late", "Left out", "Proven best", "")
    rows = [_order_row(order, order is answer.order) for order in answer.orders]
    return Table(head, rows, "The first is the chosen one. Rent: these cards on demand for so many hours.")


def _order_row(order: Order, chosen: bool) -> list[Cell]:
    return [
        Cell(order.title, "text strong" if chosen else "text"),
        Cell(hours_text(order.hours) if order.hours.high else _NONE),
        Cell(_NONE if order.rent_usd is None else str(order.rent_usd)),
        Cell(str(sum(group.late for group in order.usage.groups))),
        Cell(str(len(order.schedule.unplaced))),
        Cell("yes" if order.schedule.proven_best else "no"),
        Cell("in time", "good") if order.in_time else Cell("not in time", "bad"),
    ]


def groups_table(order: Order) -> Table:
    """What each group of jobs comes to in the chosen order."""
    rows = [
        [
            Cell(group.group.replace("_", " "), "text"),
            Cell(str(group.jobs)),
            Cell(str(group.missed), "bad" if group.missed else ""),
            Cell(duration(group.longest_overrun_seconds) if group.longest_overrun_seconds else _NONE),
            Cell(str(group.stops)),
        ]
        for group in order.usage.groups
    ]
    return Table(("Work", "Jobs", "Missed", "Longest overrun", "Stops"), rows)


def cards_table(order: Order) -> Table:
    """How busy jobs keep each card."""
    rows = [
        [
            Cell(each.card, "text"),
            Cell(duration(each.busy_seconds) if each.busy_seconds else _NONE),
            Cell(f"{each.utilisation:.1%}"),
        ]
        for each in order.usage.cards
    ]
    return Table(("Card", "Busy", "Of the time"), rows)


def purchases_table(answer: Answer) -> Table:
    """What renting and buying such cards costs."""
    rows = [
        [
            Cell(each.what, "text"),
            Cell(_usd(each.initial_usd)),
            Cell(_usd(each.monthly_usd)),
            Cell(_NONE if each.break_even_months is None else str(each.break_even_months)),
        ]
        for each in answer.purchases
    ]
    return Table(("Way", "To begin with, USD", "A month, USD", "Break-even, months"), rows)


def _usd(amount: Range) -> str:
    return str(amount) if amount.high else _NONE


def changes_table(answer: Answer) -> Table:
    """What would make it fit, the cheapest first, each planned again."""
    rows = [
        [
            Cell(each.what, "text strong"),
            Cell(each.option, "text"),
            Cell("fits", "good") if each.fits else Cell("doesn't fit", "bad"),
            Cell("in time", "good") if each.in_time else Cell("not in time", "bad"),
            Cell(size(each.largest_bytes)),
            Cell(_NONE if each.hours is None else hours_text(each.hours)),
            Cell(each.price, "small"),
        ]
        for each in answer.changes
    ]
    return Table(("Change", "Option", "Memory", "Time", "Largest", "Takes", "Price"), rows)


def contradictions_table(answer: Answer) -> Table:
    """Contradictions of the documents that these figures touch."""
    rows = [[Cell(each.text, "text"), Cell(", ".join(each.sources), "small")] for each in answer.contradictions]
    return Table(("What", "Documents"), rows)


def sources_table(answer: Answer) -> Table:
    """Where the figures come from."""
    rows = [[Cell(what, "text"), Cell(source, "small")] for what, source in dict.fromkeys(_sources(answer))]
    return Table(("Figure", "Source"), rows)


def _sources(answer: Answer) -> Iterator[tuple[str, str]]:
    trained = answer.request.trained
    for name in trained.names:
        epochs = trained.epochs_of(name)
        yield f"{name.replace('_', ' ')}: {epochs.passes} passes over {trained.rows:,} rows", epochs.basis
    for each in answer.times:
        yield f"time of {each.member.replace('_', ' ')}", each.training.basis
    if answer.serving_time is not None:
        yield "time of a batch of forecasts", answer.serving_time.basis
    for count in answer.request.cards:
        card = count.card
        yield f"memory of {card.title}", f"{card.driver_memory_mib.value:,.0f} MiB, {card.driver_memory_mib.source}"
        yield f"rates of {card.title}", card.rates.source
    if answer.measured_on:
        yield "memory, compiled and observed", "; ".join(answer.measured_on)
    for fixed in answer.request.fixed:
        yield f"memory of {fixed.name}", fixed.source
    for need in answer.memory:
        for term in need.formula.terms:
            if term.note:
                yield f"memory term: {term.name}", term.note
