"""What a section of the page consists of; the template knows how to lay out each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Cell:
    """Text of a table's cell, with a CSS class: `best`, `good`, `bad`, `text` (set to the left), or none."""

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table; `folded` ones are opened by the reader under their caption."""

    kind: ClassVar[str] = "table"
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Plots:
    """Plots as HTML, side by side where the page is wide enough and `columns` says so."""

    kind: ClassVar[str] = "plots"
    plots: Sequence[str]
    columns: int = 1


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


Block = Table | Plots | Text


@dataclass(frozen=True)
class Section:
    """A titled part of the page; `name` is its anchor."""

    name: str
    title: str
    intro: str
    blocks: Sequence[Block] = field(default_factory=list)
