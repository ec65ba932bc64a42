"""What a person sees of a run: a live table in a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipelines.run.board import Board, State, StepState

# Seconds between two lines about the progress of one step, where there is no live table.
_LINE_EVERY = 10.0
# Said already, by the line itself or by the table of the trainings at the end.
_UNTOLD = (
    "name",
    "seconds",
    "device",
    "precision",
    "steps",
    "micro_batch",
    "rows_per_second",
    "waiting_share",
    "peak_device_memory_bytes",
    "cut_seconds",
)
_SHOWN = {
    "waiting": ("·", "dim"),
    "running": ("▶", "cyan"),
    "done": ("✓", "green"),
    "cached": ("=", "green"),
    "failed": ("✗", "bold red"),
    "stopped": ("■", "yellow"),
    "skipped": ("–", "yellow"),
}
_WORDS = {
    "cached": "unchanged, taken from the last run",
    "skipped": "skipped",
    "stopped": "stopped",
    "failed": "failed",
}


class Screen(Protocol):
    """Shows a run while it works."""

    def event(self, board: Board, event: Mapping[str, Any]) -> None:
        """An event has been applied to the board."""

    def refresh(self, board: Board) -> None:
        """Some time has passed."""

    def close(self, board: Board) -> None:
        """The run is over."""


def figure_text(figures: Mapping[str, Any]) -> str:
    """A step's results in one line: `rows in 45,000, rmse 0.0123`."""
    return ", ".join(
        _figure_text(name, value)
        for name, value in figures.items()
        if name not in _UNTOLD and (isinstance(value, int | float) or (isinstance(value, str) and "/" not in value))
    )


def _figure_text(name: str, value: str | int | float) -> str:
    if name.endswith("_bytes"):
        return f"{name.removesuffix('_bytes').replace('_', ' ')} {float(value) / 1e6:,.0f} MB"
    return f"{name.replace('_', ' ')} {_value_text(value)}"


def _value_text(value: str | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or (abs(value) >= 1000 and math.isfinite(value)):
        return f"{round(value):,}"
    return f"{value:.4g}"


def duration_text(seconds: float) -> str:
    """`4.2 s`, or `1 min 05 s` from a minute on."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s"


class LineScreen:
    """One line per thing that happens."""

    def __init__(self, console: Console, width: int) -> None:
        self._console = console
        self._width = width
        self._last: dict[str, float] = {}
        self._told: set[str] = set()

    def event(self, board: Board, event: Mapping[str, Any]) -> None:
        """Prints starts, ends and notes, and now and then the progress."""
        self._tell(board, "cached")
        step = board.steps[event["step"]]
        line = self._line(step, event)
        if line:
            self._print(step.name, line)

    def refresh(self, board: Board) -> None:
        """Nothing: a line says what happened, and nothing has."""

    def close(self, board: Board) -> None:
        """Prints what became of the steps that said nothing."""
        self._tell(board, "cached", "skipped", "stopped")

    def _tell(self, board: Board, *states: State) -> None:
        for step in board.steps.values():
            if step.state in states and step.name not in self._told:
                self._told.add(step.name)
                self._print(step.name, _WORDS[step.state])

    def _line(self, step: StepState, event: Mapping[str, Any]) -> str:
        match event["event"]:
            case "started":
                self._last[step.name] = event["at"]
                return "started"
            case "note":
                return str(event["text"])
            case "finished":
                figures = figure_text(step.figures)
                return f"done in {duration_text(step.seconds(event['at']))}" + (f": {figures}" if figures else "")
            case "failed":
                return "failed"
        if event["at"] - self._last.get(step.name, 0.0) < _LINE_EVERY or not step.total:
            return ""
        self._last[step.name] = event["at"]
        return f"{100 * step.done / step.total:.0f} % {step.text}".rstrip()

    def _print(self, name: str, line: str) -> None:
        self._console.print(f"{name:<{self._width}}  {line}", highlight=False, markup=False, soft_wrap=True)


class LiveScreen:
    """A table with a bar per running step, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=5, transient=False)
        self._live.start()

    def event(self, board: Board, event: Mapping[str, Any]) -> None:
        """Prints notes above the table."""
        if event["event"] == "note":
            self._live.console.print(Text(f"{event['step']}: {event['text']}", style="dim"))

    def refresh(self, board: Board) -> None:
        """Draws the table."""
        self._live.update(_table(board, time.time()))

    def close(self, board: Board) -> None:
        """Draws the table for the last time."""
        self._live.update(_table(board, time.time()), refresh=True)
        self._live.stop()


def _table(board: Board, now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, min_width=9)
    table.add_column(ratio=1, overflow="ellipsis")
    for step in board.steps.values():
        sign, style = _SHOWN[step.state]
        seconds = duration_text(step.seconds(now)) if step.started_at else ""
        table.add_row(Text(sign, style=style), Text(step.name, style=style), seconds, _detail(step))
    return table


def _detail(step: StepState) -> Table | Text:
    if step.state == "running" and step.total:
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(total=step.total, completed=min(step.done, step.total), width=24), Text(step.text))
        return bar
    return Text(_WORDS.get(step.state, figure_text(step.figures) or step.text), style="dim")


def choose_screen(console: Console, board: Board, lines: bool) -> Screen:
    """The live table in a terminal, unless lines are asked for."""
    if console.is_terminal and not lines:
        return LiveScreen(console)
    return LineScreen(console, max(len(name) for name in board.steps))
