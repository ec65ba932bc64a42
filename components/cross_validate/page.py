"""A page of tables and plots that fetches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from components.validate.report.blocks import Section

_FOLDER = Path(__file__).parent


def render_page(title: str, summary: str, sections: Sequence[Section]) -> str:
    """HTML with styles, plots and plotly's code inside."""
    loader = jinja2.FileSystemLoader(_FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html.j2").render(
        title=title, summary=summary, sections=sections, plotly=get_plotlyjs()
    )
