"""A comparison as a table on the screen, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.capacity.examples.comparison import Comparison, Row
from pipelines.capacity.ranges import Range

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 110


def computed_text(row: Row) -> str:
    """What was computed; a dash for nothing."""
    return "–" if row.computed is None else str(row.computed)


def titled(row: Row) -> str:
    """What a row is about, with its unit where the words don't end with it."""
    return f"{row.what}, {row.unit}" if row.unit and not row.what.endswith(row.unit) else row.what


def marks(comparison: Comparison) -> dict[str, str]:
    """By the key of a contradiction, the letter under which it is told below the table."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    keys = [each.key for each in comparison.contradictions]
    return {key: letters[place % 26] * (place // 26 + 1) for place, key in enumerate(keys)}


def remark(row: Row, letters: dict[str, str]) -> str:
    """How a figure was computed, and the letters of its contradictions; ≠ where it isn't as stated."""
    named = ", ".join(letters[each.key] for each in row.contradictions)
    sign = "≠" if named or row.differs else ""
    return " ".join(part for part in (row.how, sign, named) if part)


def render_comparison(comparison: Comparison) -> RenderableType:
    """The table for rich: what, stated, computed, remark; then the contradictions in words."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    letters = marks(comparison)
    table = Table(title=Text(comparison.title), title_justify="left", width=WIDTH, pad_edge=False, box=None)
    for name, ratio in (("What", 32), ("Stated", 27), ("Computed", 17), ("Remark", 34)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for part in comparison.parts:
        table.add_row(Text(part.title, style="bold"), "", "", "")
        for row in part.rows:
            stated = Text("\n".join(map(str, row.stated)) or "–")
            computed = Text(computed_text(row), style="bold" if row.differs else "")
            table.add_row(Text(titled(row)), stated, computed, Text(remark(row, letters), style="dim"))

    told = [
        Text(f"≠ {letters[each.key]}  {each.text} ({', '.join(each.sources)})") for each in comparison.contradictions
    ]
    below: list[RenderableType] = (
        [Padding(Text("Contradictions of the documents", style="bold"), (1, 0, 0, 0)), *told] if told else []
    )
    return Group(table, *below)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The same for machines, with plain keys."""
    return {
        "name": comparison.name,
        "title": comparison.title,
        "parts": [{"title": part.title, "rows": [_row(row) for row in part.rows]} for part in comparison.parts],
        "contradictions": [
            {"key": each.key, "point": each.point, "text": each.text, "sources": list(each.sources)}
            for each in comparison.contradictions
        ],
        "plans": [
            {
                "title": plan.title,
                "makespan_seconds": plan.schedule.makespan_seconds,
                "method": plan.schedule.method,
                "placements": [
                    {"job": each.job, "card": each.card, "begin_s": each.begin_s, "end_s": each.end_s}
                    for each in plan.schedule.placements
                ],
            }
            for plan in comparison.plans
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "what": row.what.strip(),
        "unit": row.unit,
        "stated": [{**_ends(each.value), "source": each.source, "note": each.note} for each in row.stated],
        "computed": _ends(row.computed) if isinstance(row.computed, Range) else row.computed,
        "how": row.how,
        "differs": row.differs,
        "contradictions": [each.key for each in row.contradictions],
    }


def _ends(value: Range) -> dict[str, float]:
    return {"low": value.low, "high": value.high}
