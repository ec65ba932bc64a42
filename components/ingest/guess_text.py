"""The text of a first dataset file: YAML with a comment at everything that was guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import yaml

from components.dataset.horizons import format_horizons
from components.ingest.guess_limits import RangeGuess
from components.ingest.guess_time import TimeGuess


@dataclass(frozen=True)
class GuessedColumn:
    """One column as guessed.

    Attributes:
        name: as in the table.
        span: its readings' range, and limits.
        max_gap: longest gap to fill, in steps.
        missing_share: share of the table's steps on which it was not read.
        is_summed: whether it counts an amount within each step, such as rain.
    """

    name: str
    span: RangeGuess
    max_gap: int
    missing_share: float
    is_summed: bool


@dataclass(frozen=True)
class FirstDataset:
    """Everything that a first dataset file says; `rise` is in the target's unit."""

    name: str
    source: str
    time: TimeGuess
    timezone: str
    columns: tuple[GuessedColumn, ...]
    left_out: Mapping[str, str]
    calendar: tuple[str, ...]
    target: str
    window: int
    horizons: tuple[int, ...]
    rise: float | None


def render(first: FirstDataset) -> str:
    """YAML that states each value once and says in a comment where it comes from."""
    return "\n".join(_lines(first)) + "\n"


def _lines(first: FirstDataset) -> Iterator[str]:
    time = first.time
    yield f"# A first guess from {len(time.row):,} rows, {_day(time.first)} to {_day(time.last)}. Look it over:"
    yield "# units are not known, limits are wide; docs/dataset.md tells every key."
    yield f"name: {_text(first.name)}"
    yield f"source: {_text(first.source)}  # relative to this file"
    yield f"time: {_text(time.time)}"
    yield f"step: {time.step}  # guessed: the median time between rows"
    yield f"timezone: {_text(first.timezone)}  # of stamps that name none"
    if time.series:
        yield f"series: {_text(time.series)}  # guessed: stamps come once in each of its values"
    yield "columns:"
    yield "  # limits: a range's width beyond the readings; those outside are emptied. max_gap: steps filled."
    for column in first.columns:
        yield f"  {_column(column)}"
    for name, reason in first.left_out.items():
        yield f"  # left out: {_text(name)}: {reason}"
    if first.calendar:
        yield f"calendar: [{', '.join(first.calendar)}]"
    yield f"target: {_text(first.target)}"
    yield f"window: {first.window}"
    yield f"horizons: [{', '.join(str(item) for item in format_horizons(first.horizons))}]"
    if first.rise is not None:
        yield "# Guessed: 99th percentile of the rises within the longest horizon over the first 70 % of the rows."
        yield f"spike: {{rise: {_number(first.rise)}, within: {max(first.horizons)}}}"
        yield "# A guessed spike refuses no model: say above which rise matters, then which share must be caught."
        yield "gate: {spike_recall: 0}"


def _column(column: GuessedColumn) -> str:
    fill = "fill: zero, " if column.is_summed else ""
    amount = ", resample: sum" if column.is_summed else ""
    span = column.span
    limits = f"[{_number(span.low)}, {_number(span.high)}]"
    facts = [f"read: {span.lowest:.6g} to {span.highest:.6g}"]
    if column.missing_share >= 0.0005:
        facts.append(f"{column.missing_share:.1%} missing")
    if span.sentinels:
        facts.append(f"{', '.join(_number(value) for value in span.sentinels)} taken as missing")
    settings = f"{{unit: '', limits: {limits}, missing: {{{fill}max_gap: {column.max_gap}}}{amount}}}"
    return f"{_text(column.name)}: {settings}  # {'; '.join(facts)}"


def _text(text: str) -> str:
    """A text as a YAML scalar on one line."""
    dumped = yaml.safe_dump(text, allow_unicode=True, width=float("inf"), default_flow_style=True)
    return dumped.removesuffix("\n").removesuffix("\n...")


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.10g}"


def _day(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
