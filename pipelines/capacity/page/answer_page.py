"""The page of an answer: the verdict first, then order, memory, time, alternatives with their costs, and changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from components.validate.report.blocks import Block, Plots, Section, Text
from components.validate.report.wording import duration
from pipelines.atomic import write_atomically
from pipelines.capacity.page.answer_tables import (
    card_titles,
    cards_table,
    changes_table,
    contradictions_table,
    groups_table,
    hours_text,
    memory_table,
    orders_table,
    purchases_table,
    sources_table,
    terms_table,
    times_table,
)
from pipelines.capacity.page.bars import AlternativeBar, MemoryBar, alternatives_plot, memory_plot
from pipelines.capacity.page.layout import Page, Verdict, render
from pipelines.capacity.page.timeline import timeline

if TYPE_CHECKING:
    from pipelines.capacity.plan.answer import Answer, Order

# More unplaced jobs than these are counted, not listed.
_LISTED = 5


def write_page(answer: Answer, path: Path) -> None:
    """Writes an answer as one HTML file that works offline."""
    write_atomically(path, render(answer_page(answer)))


def answer_page(answer: Answer) -> Page:
    """What the page of an answer shows."""
    return Page(f"Plan for {answer.request.title}", list(_sections(answer)), list(_summary(answer)), _verdict(answer))


def _verdict(answer: Answer) -> Verdict:
    if not answer.fits:
        return Verdict("Doesn't fit", good=False)
    return Verdict("Fits and is in time", good=True) if answer.in_time else Verdict("Fits, but not in time", good=False)


def _summary(answer: Answer) -> Iterator[str]:
    yield from answer.why
    order = answer.order
    if order is not None:
        yield _sentence(order)
    place = card_titles(answer).get(answer.serving_on, answer.serving_on)
    served = answer.request.served
    answered = f"{served.windows:,} windows every {duration(served.every_seconds)} are answered on {place}"
    if answer.serving_time is None:
        yield f"{answered}."
        return
    ends = dict.fromkeys(map(duration, (answer.serving_time.low_seconds, answer.serving_time.high_seconds)))
    yield f"{answered}, in {' to '.join(ends)}."


def _sentence(order: Order) -> str:
    title = _capital(order.title)
    return (
        f"{title}: {hours_text(order.hours)} for all trainings."
        if order.hours.high
        else f"{title}: nothing can be trained."
    )


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _sections(answer: Answer) -> Iterator[Section]:
    yield from _order(answer)
    yield _memory(answer)
    if answer.times:
        intro = "From a calibrated machine, or as a range from the card's data sheet. Stated times are never mixed in."
        yield Section("time", "Time", intro, [times_table(answer)])
    yield from _alternatives(answer)
    if answer.changes:
        intro = "The cheapest first. Each was planned again with the change."
        yield Section("changes", "What would make it fit", intro, [changes_table(answer)])
    if answer.remarks:
        yield Section("remarks", "Remarks", "", [Text(each) for each in answer.remarks])
    if answer.contradictions:
        intro = "Statements of the documents that can't all be right, and that these figures touch."
        yield Section("contradictions", "Contradictions", intro, [contradictions_table(answer)])
    yield Section("sources", "Sources", "", [sources_table(answer)])


def _order(answer: Answer) -> Iterator[Section]:
    order = answer.order
    if order is None:
        return
    problem = order.problem
    plot = timeline(_capital(order.title), problem.cards, order.schedule, problem.services, clock=True)
    unplaced = [f"{each.job}: {each.why}" for each in order.schedule.unplaced]
    more = [f"and {len(unplaced) - _LISTED} more"] if len(unplaced) > _LISTED else []
    blocks: list[Block] = [Plots([plot]), groups_table(order), cards_table(order)]
    blocks += [Text(each) for each in (*unplaced[:_LISTED], *more)]
    intro = f"Planned with the longest times, so that what is planned also holds. {_capital(order.schedule.method)}."
    yield Section("order", "Order", intro, blocks)


def _memory(answer: Answer) -> Section:
    titles = card_titles(answer)
    blocks: list[Block] = []
    for card in dict.fromkeys(each.card for each in answer.memory):
        bars = [
            MemoryBar(
                f"{need.workload.replace('_', ' ')}, {need.use}",
                [(term.name, term.bytes) for term in need.formula.terms],
                need.room_bytes,
            )
            for need in answer.memory
            if need.card == card
        ]
        plot = memory_plot(f"{titles.get(card, card)}: memory by formula", bars)
        blocks += [Plots([plot]), terms_table(answer, card)]
    intro = "The line is what the card has beside what stays on it."
    return Section("memory", "Memory", intro, [memory_table(answer), *blocks])


def _alternatives(answer: Answer) -> Iterator[Section]:
    blocks: list[Block] = []
    if answer.orders:
        bars = [AlternativeBar(each.title, each.hours, each.rent_usd, each is answer.order) for each in answer.orders]
        blocks += [
            Plots([alternatives_plot("Time of each order, and its rent where it is known", bars)]),
            orders_table(answer),
        ]
    if answer.purchases:
        blocks.append(purchases_table(answer))
    if blocks:
        yield Section("alternatives", "Alternatives and their costs", "Blue is the chosen order.", blocks)
