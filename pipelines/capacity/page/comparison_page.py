"""The page of an example: stated beside computed, the plans over time, and the contradictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from components.validate.report.blocks import Block, Cell, Plots, Section, Table
from pipelines.atomic import write_atomically
from pipelines.capacity.examples.comparison import Comparison, Part
from pipelines.capacity.examples.room import DOES_NOT_FIT, REJECTED
from pipelines.capacity.examples.screen import computed_text, marks, remark, titled
from pipelines.capacity.page.layout import Page, Verdict, render
from pipelines.capacity.page.timeline import timeline
from pipelines.capacity.ranges import Range

_REFUSED = (DOES_NOT_FIT, REJECTED)


def write_comparison_page(comparison: Comparison, path: Path) -> None:
    """Writes an example as one HTML file that works offline."""
    write_atomically(path, render(comparison_page(comparison)))


def comparison_page(comparison: Comparison) -> Page:
    """What the page of an example shows."""
    letters = marks(comparison)
    sections = [_part(part, letters) for part in comparison.parts]
    if comparison.plans:
        sections.append(_plans(comparison))
    if comparison.contradictions:
        sections.append(_contradictions(comparison, letters))
    return Page(comparison.title, sections, (_summary(comparison),), _verdict(comparison))


def _summary(comparison: Comparison) -> str:
    count = len(comparison.contradictions)
    touched = f"{count} of the documents' contradictions {'is' if count == 1 else 'are'} touched."
    both, differing = _compared(comparison)
    if not both:
        return touched
    return f"{both} stated figures can be computed; {differing} of them come out differently. {touched}"


def _verdict(comparison: Comparison) -> Verdict | None:
    both, differing = _compared(comparison)
    return Verdict(f"{differing} of {both} figures differ", differing == 0) if both else None


def _compared(comparison: Comparison) -> tuple[int, int]:
    """How many figures are stated and computed, and how many of them differ."""
    both = [row for row in comparison.rows if row.stated and isinstance(row.computed, Range)]
    return len(both), sum(row.differs for row in both)


def _part(part: Part, letters: dict[str, str]) -> Section:
    rows = [
        [
            Cell(titled(row), "text"),
            Cell("; ".join(map(str, row.stated)) or "–", "text"),
            Cell(computed_text(row), "text bad" if row.differs or row.computed in _REFUSED else "text strong"),
            Cell(remark(row, letters), "small"),
        ]
        for row in part.rows
    ]
    return Section(anchor(part.title), part.title, "", [Table(("What", "Stated", "Computed", "Remark"), rows)])


def _plans(comparison: Comparison) -> Section:
    plots = [timeline(plan.title, plan.cards, plan.schedule, plan.services, plan.clock) for plan in comparison.plans]
    intro = "Each bar is one job. The computed hours come from these plans."
    blocks: Sequence[Block] = [Plots(plots)]
    return Section("plans", "Plans", intro, blocks)


def _contradictions(comparison: Comparison, letters: dict[str, str]) -> Section:
    rows = [
        [Cell(letters[each.key], "strong"), Cell(each.text, "text"), Cell(", ".join(each.sources), "small")]
        for each in comparison.contradictions
    ]
    intro = "Statements of the documents that can't all be right."
    return Section("contradictions", "Contradictions", intro, [Table(("", "What", "Documents"), rows)])


def anchor(title: str) -> str:
    """A name for a section that links can point to."""
    return "".join(sign if sign.isalnum() else "-" for sign in title.lower())
