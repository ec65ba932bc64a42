"""The answer on one screen, no line of it wider than 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipelines.capacity.plan.answer import Answer, Change, MemberTime, Order, Purchase, WorkloadMemory
from pipelines.capacity.plan.wording import amount, gigabytes, networks_in_words, span
from pipelines.capacity.ranges import Range

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WIDTH = 100
_HOUR_SECONDS = 3_600
_NONE = "–"


def render(answer: Answer) -> Iterator[RenderableType]:
    """Verdict first, then memory, time, order, cost, changes and remarks."""
    from rich.text import Text

    yield Text(verdict(answer), style="bold green" if answer.holds else "bold red")
    yield from _listed("  ", answer.why)
    yield from _memory(answer.memory)
    yield from _times(answer.times)
    yield from _listed(" ", list(_passes(answer.times)))
    yield from _serving(answer)
    yield from _orders(answer.orders)
    yield from _purchases(answer.purchases)
    yield from _changes(answer.changes)
    yield from _listed("-", answer.remarks)
    yield from _listed("-", [f"The documents: {each.text}" for each in answer.contradictions])


def verdict(answer: Answer) -> str:
    """The answer in one sentence."""
    trained = answer.request.trained
    who = networks_in_words(len(trained.members), len(trained.models))
    what = f"{who} on {trained.rows:,} rows, {answer.request.title}"
    if not answer.fits:
        return f"Does not fit: {what}."
    if not answer.in_time:
        return f"Fits, but not in time: {what}."
    order = answer.order
    took = "" if order is None else f" The night's training takes {span(order.hours * _HOUR_SECONDS)}."
    return f"Fits, and in time: {what}.{took}"


def _memory(memory: Sequence[WorkloadMemory]) -> Iterator[Table]:
    if not memory:
        return
    table = _table("Memory, GB", ("workload", "card", "formula", "compiled", "observed", "room", "fits"))
    for each in memory:
        sizes = (each.formula.total_bytes, each.compiled_bytes, each.observed_bytes, each.room_bytes)
        fits = "yes" if each.fits else f"no, {gigabytes(-each.spare_bytes)} too much"
        table.add_row(each.workload, each.card, *(_NONE if one is None else gigabytes(one) for one in sizes), fits)
    yield table


def _times(times: Sequence[MemberTime]) -> Iterator[Table]:
    if not times:
        return
    said = [each.training.stated for each in times if each.training.stated is not None]
    sources = ", ".join(dict.fromkeys(each.source for each in said))
    title = f"Training, beside what {sources} states of one model" if said else "Training"
    table = _table(title, ("member", "on", "precision", "a step", "all passes", "stated"))
    for each in times:
        whole = each.training
        stated = _NONE if whole.stated is None else span(whole.stated.seconds)
        table.add_row(each.member, each.card, each.precision, span(each.step.seconds), span(whole.seconds), stated)
    yield table


def _passes(times: Sequence[MemberTime]) -> Iterator[str]:
    """Passes over the rows, those of one source together."""
    members: dict[tuple[str, str], list[str]] = {}
    for each in times:
        said = members.setdefault((str(each.epochs.passes), each.epochs.basis), [])
        said += [] if each.member in said else [each.member]
    for (passes, basis), names in members.items():
        who = f" of {', '.join(names)}" if len(members) > 1 else ""
        yield f"Passes over the rows{who}: {passes} ({basis})"


def _serving(answer: Answer) -> Iterator[RenderableType]:
    if answer.serving_time is None:
        return
    served, found = answer.request.served, answer.serving_time
    from rich.text import Text

    yield Text(
        f"Serving on {answer.serving_on}: {served.windows:,} windows in {span(found.seconds)}, every"
        f" {served.every_seconds:,} s ({found.basis})"
    )


def _orders(orders: Sequence[Order]) -> Iterator[Table]:
    if not orders:
        return
    table = _table(
        "Order (best: proven that none is shorter)", ("what", "takes", "in time", "late", "left out", "rent, USD")
    )
    for each in orders:
        proven = " (best)" if each.schedule.proven_best else ""
        table.add_row(
            f"{each.title}{proven}",
            span(each.hours * _HOUR_SECONDS),
            "yes" if each.in_time else "no",
            str(len(each.schedule.late) or _NONE),
            str(len(each.schedule.unplaced) or _NONE),
            _NONE if each.rent_usd is None else amount(each.rent_usd),
        )
    yield table


def _purchases(found: Sequence[Purchase]) -> Iterator[Table]:
    if not found:
        return
    table = _table("Price, USD", ("what", "to begin with", "a month", "cheaper than rent after"))
    for each in found:
        table.add_row(each.what, _money(each.initial_usd), _money(each.monthly_usd), _months(each.break_even_months))
    yield table


def _money(usd: Range) -> str:
    return amount(usd) if usd.high else _NONE


def _months(months: Range | None) -> str:
    return _NONE if months is None else f"{amount(months)} months"


def _changes(found: Sequence[Change]) -> Iterator[RenderableType]:
    """A list, so that options can be copied as they stand."""
    if not found:
        return
    from rich.text import Text

    yield Text("What makes it fit, the cheapest first", style="italic")
    lines = []
    for each in found:
        night = "" if each.hours is None else f"the night {span(each.hours * _HOUR_SECONDS)}, "
        largest = f"largest {gigabytes(each.largest_bytes)} GB, " if each.largest_bytes else ""
        after = f"{largest}{night}costs {each.price}"
        lines.append(f"{each.option}\n{each.what}: {after}")
    yield from _listed("+", lines)


def _listed(mark: str, lines: Sequence[str]) -> Iterator[Table]:
    """Lines that are wrapped beside their mark."""
    if not lines:
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row(mark, Text(line))
    yield grid


def _table(title: str, columns: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
