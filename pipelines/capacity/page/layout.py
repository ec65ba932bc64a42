"""The page around the sections: one HTML file that works offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from components.validate.report.blocks import Section

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Verdict:
    """What stands beside the title: the answer in two or three words, and whether it is the one hoped for."""

    text: str
    good: bool


@dataclass(frozen=True)
class Page:
    """All that a page shows.

    Attributes:
        title: its heading.
        sections: in order.
        summary: paragraphs under the heading.
        verdict: beside it; None for none.
    """

    title: str
    sections: Sequence[Section]
    summary: Sequence[str] = field(default_factory=tuple)
    verdict: Verdict | None = None


def render(page: Page) -> str:
    """The page as HTML: styles, plots and plotly's code are inside, nothing is fetched."""
    loader = jinja2.FileSystemLoader(_FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html.j2").render(page=page, plotly=get_plotlyjs())
